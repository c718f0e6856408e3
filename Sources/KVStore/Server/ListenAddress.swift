import Glibc
import NIOCore
import NIOPosix

/// An address of `--listen-client-urls` or `--advertise-client-urls`.
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

  private init(isSecure: Bool, host: String, port: Int) {
    self.isSecure = isSecure
    self.host = host
    self.port = port
  }

  /// - Throws: ``StartError/badAdvertisedURL(_:)`` for a URL that no client can connect to.
  static func advertised(_ url: String) throws(StartError) -> ListenAddress {
    guard let address = try? ListenAddress(url), address.port != 0 else {
      throw .badAdvertisedURL(url)
    }
    return address
  }

  func bound(to port: Int) -> ListenAddress {
    ListenAddress(isSecure: self.isSecure, host: self.host, port: port)
  }

  /// An IPv6 address has brackets in a URL.
  var hostInURL: String { self.host.contains(":") ? "[\(self.host)]" : self.host }

  var url: String {
    "\(self.isSecure ? "https" : "http")://\(self.hostInURL):\(self.port)"
  }

  /// The URL for a client that has connected to this server's address. All interfaces together have no
  /// address: on the client's machine `0.0.0.0` is that machine itself.
  /// - Parameter address: the server's end of the connection.
  func url(reachedAt address: String?) -> String {
    guard let address = address.map(Self.unmapped), self.includes(address) else { return self.url }
    return ListenAddress(isSecure: self.isSecure, host: address, port: self.port).url
  }

  /// Whether it stands for all interfaces, and so for this one's address.
  private func includes(_ address: String) -> Bool {
    switch Set(self.host) {
    // `0.0.0.0`, also as `0`.
    case ["0", "."], ["0"]: !address.contains(":")
    // `::`, also as `0:0:0:0:0:0:0:0`; it takes IPv4, too.
    case [":"], ["0", ":"]: true
    default: false
    }
  }

  /// An IPv4 address as a socket for IPv6 shows it, `::ffff:10.0.0.1`, without its prefix.
  private static func unmapped(_ address: String) -> String {
    address.hasPrefix("::ffff:") && address.contains(".")
      ? String(address.dropFirst("::ffff:".count)) : address
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
