import Glibc
import HTTPEndpoint
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore

/// A port on which HTTP/1.1 is served, plainly or over TLS; or a Unix socket.
///
/// Writes that a browser sends for a foreign web page are refused, and on loopback a `Host` that is neither an
/// address nor a name of this machine: a page may do nothing that its reader has not asked for.
public struct HTTPListener: Sendable {
  public let address: String
  /// 0 lets the kernel choose.
  public let port: Int
  /// The path of a Unix socket, instead of a port.
  private let socket: String?
  private let scheme: String
  private let server: HTTPServerBuilder

  /// One without TLS.
  public init(address: String, port: Int) {
    self.address = address
    self.port = port
    self.socket = nil
    self.scheme = "http"
    self.server = .http1()
  }

  /// One on a Unix socket, which its owner alone can open. Nothing may be at the path.
  public init(socket path: String) {
    self.address = "localhost"
    self.port = 0
    self.socket = path
    self.scheme = "http+unix"
    self.server = .http1()
  }

  /// One with TLS; its files are read now.
  public init(address: String, port: Int, tls: ServerTLS) throws(ServerTLSError) {
    self.address = address
    self.port = port
    self.socket = nil
    self.scheme = "https"
    let loaded = try tls.load()
    do {
      self.server = try .tls(.http1(), tlsConfiguration: loaded.configuration)
    } catch {
      throw ServerTLSError(flag: "--tls-cert-file", path: tls.certificateFile, reason: "\(error)")
    }
  }

  /// Serves until graceful shutdown.
  /// - Parameters:
  ///   - responder: answers the requests.
  ///   - onListening: called once with the URL, or with the path of the socket.
  /// - Throws: ``HTTPListenError``, or `CancellationError`.
  public func run<Responder: HTTPResponder>(
    _ responder: Responder, onListening: @escaping @Sendable (_ url: String) async -> Void
  ) async throws
  where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
    let bound = BoundListener(isTLS: self.scheme == "https")
    let policy = BrowserPolicy(
      hosts: .listedOnLoopback(BrowserPolicy.names(ofMachine: BrowserPolicy.hostname)))
    let application = Application(
      responder: BrowserGuard(policy: policy, listener: bound, inner: responder),
      server: self.server,
      configuration: .init(
        address: self.socket.map { .unixDomainSocket(path: $0) }
          ?? .hostname(self.address, port: self.port)),
      onServerRunning: { channel in
        if let socket = self.socket {
          chmod(socket, 0o600)
          await onListening(socket)
          return
        }
        if let address = channel.localAddress?.ipAddress { bound.bind(to: address) }
        try? await channel.keepAlive().get()
        guard let url = self.url(of: channel.localAddress) else { return }
        await onListening(url)
      },
      // The framework's own words about its start and end would only repeat ours.
      logger: Logger(label: "http") { _ in SwiftLogNoOpLogHandler() })
    do {
      try await application.run()
    } catch let error as CancellationError {
      throw error
    } catch {
      let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) }
      throw HTTPListenError(reason: reason ?? "\(error)")
    }
  }

  /// `http://127.0.0.1:8080`, `https://[::1]:8443`; `nil` for an address without a port.
  func url(of bound: SocketAddress?) -> String? {
    guard let bound, let port = bound.port else { return nil }
    let host = bound.ipAddress ?? self.address
    return "\(self.scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)"
  }
}

/// Why a port cannot be served. The caller adds the address and the flags that set it.
public struct HTTPListenError: Error, Equatable {
  /// `Address already in use`.
  public var reason: String

  package init(reason: String) { self.reason = reason }
}
