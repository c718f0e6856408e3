import Glibc
import NIOCore
import NIOPosix

/// An address of `--listen-client-urls`.
struct ListenAddress: Equatable, Sendable {
  /// `https://`.
  let isSecure: Bool
  let host: String
  let port: Int

  /// - Throws: ``StartError/badURL(_:)`` for anything but `http://HOST[:PORT]` and `https://HOST[:PORT]`.
  init(_ url: String) throws(StartError) {
    let form = /http(s?):\/\/(?:\[([0-9a-fA-F:.]+)\]|([^\[\]:\/]+))(?::(\d{1,5}))?\/?/
    guard let match = try? form.wholeMatch(in: url), let host = match.2 ?? match.3 else {
      throw .badURL(url)
    }
    let port = match.4.map { Int($0) ?? -1 } ?? 2379
    guard (0...65535).contains(port) else { throw .badURL(url) }
    self.isSecure = !match.1.isEmpty
    self.host = String(host)
    self.port = port
  }

  /// An IPv6 address has brackets in a URL.
  var hostInURL: String { self.host.contains(":") ? "[\(self.host)]" : self.host }

  /// - Parameter port: the bound one.
  func url(port: Int) -> String {
    "\(self.isSecure ? "https" : "http")://\(self.hostInURL):\(port)"
  }

  func bind(_ bootstrap: ServerBootstrap) async throws(StartError) -> any Channel {
    do {
      return try await bootstrap.bind(host: self.host, port: self.port).get()
    } catch {
      let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
      throw .listen("\(self.hostInURL):\(self.port)", reason)
    }
  }
}
