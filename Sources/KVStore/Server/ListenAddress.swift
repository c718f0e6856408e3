import Glibc
import Linux
import NIOCore
import NIOPosix

/// An address of `--listen-client-urls`, `--listen-metrics-urls` or `--advertise-client-urls`.
struct ListenAddress: Equatable, Sendable {
  enum Place: Equatable, Sendable {
    case network(host: String, port: Int)
    /// A Unix socket; a relative path begins in the working directory.
    case socket(path: String)
  }

  /// What is served there.
  enum Purpose: Equatable, Sendable {
    case clients
    /// `/metrics` and `/health` alone.
    case metrics

    var flag: String {
      switch self {
      case .clients: "--listen-client-urls"
      case .metrics: "--listen-metrics-urls"
      }
    }
  }

  /// `https://` or `unixs://`.
  let isSecure: Bool
  let place: Place
  var purpose = Purpose.clients

  /// - Throws: ``StartError/badURL(_:)`` for anything but `http://HOST[:PORT]`, `unix://PATH`, and the two with an `s`.
  init(_ url: String, for purpose: Purpose = .clients) throws(StartError) {
    self.purpose = purpose
    if let match = try? /unix(s?):\/\/([^\0]+)/.wholeMatch(in: url) {
      self.isSecure = !match.1.isEmpty
      self.place = .socket(path: String(match.2))
      return
    }
    let form = /http(s?):\/\/(?:\[([0-9a-fA-F:.]+)\]|([^\[\]:\/]+))(?::(\d{1,5}))?\/?/
    guard let match = try? form.wholeMatch(in: url), let host = match.2 ?? match.3 else {
      throw .badURL(url)
    }
    let port = match.4.map { Int($0) ?? -1 } ?? 2379
    guard (0...65535).contains(port) else { throw .badURL(url) }
    self.isSecure = !match.1.isEmpty
    self.place = .network(host: String(host), port: port)
  }

  private init(isSecure: Bool, place: Place, purpose: Purpose = .clients) {
    self.isSecure = isSecure
    self.place = place
    self.purpose = purpose
  }

  /// - Throws: ``StartError/badAdvertisedURL(_:)`` for a URL that no client can connect to.
  static func advertised(_ url: String) throws(StartError) -> ListenAddress {
    guard let address = try? ListenAddress(url), address.port != 0 else {
      throw .badAdvertisedURL(url)
    }
    return address
  }

  /// The addresses that clients switch to, if the operator names none: a socket is for this machine alone, so it is
  /// named only where there is nothing else.
  static func advertised(for bound: [ListenAddress]) -> [ListenAddress] {
    let clients = bound.filter { $0.purpose == .clients }
    let ports = clients.filter { $0.host != nil }
    return ports.isEmpty ? clients : ports
  }

  /// `nil` for a socket.
  var host: String? {
    if case .network(let host, _) = self.place { host } else { nil }
  }

  private var port: Int? {
    if case .network(_, let port) = self.place { port } else { nil }
  }

  /// `127.0.0.1:2379`, where an IPv6 address has brackets; the path of a socket.
  private var name: String {
    switch self.place {
    case .network(let host, let port): "\(host.contains(":") ? "[\(host)]" : host):\(port)"
    case .socket(let path): path
    }
  }

  var url: String {
    let scheme = self.host == nil ? "unix" : "http"
    return "\(scheme)\(self.isSecure ? "s" : "")://\(self.name)"
  }

  /// The URL for a client that has connected to this server's address. All interfaces together have no
  /// address: on the client's machine `0.0.0.0` is that machine itself.
  /// - Parameter address: the server's end of the connection.
  func url(reachedAt address: String?) -> String {
    guard let address = address.map(Self.unmapped), let port = self.port, self.includes(address)
    else { return self.url }
    let place = Place.network(host: address, port: port)
    return ListenAddress(isSecure: self.isSecure, place: place).url
  }

  /// Whether it stands for all interfaces, and so for this one's address.
  private func includes(_ address: String) -> Bool {
    switch self.host.map(Set.init) {
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

  func listen(_ bootstrap: ServerBootstrap) async throws(StartError) -> Listener {
    do {
      switch self.place {
      case .network(let host, let port):
        let channel = try await bootstrap.bind(host: host, port: port).get()
        let bound = Place.network(host: host, port: channel.localAddress?.port ?? port)
        return Listener(
          address: ListenAddress(isSecure: self.isSecure, place: bound, purpose: self.purpose),
          channel: channel)
      case .socket(let path):
        let descriptor = try UnixSocket.bind(at: path)
        let channel = try await bootstrap.withBoundSocket(descriptor).get()
        // A client of Go gives up at once when too many wait; NIO's own number is small.
        _ = Glibc.listen(descriptor, 65_535)
        return Listener(address: self, channel: channel)
      }
    } catch {
      let reason =
        (error as? UnixSocket.BindError)?.reason
        ?? (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
      throw .listen(flag: self.purpose.flag, address: self.name, reason: reason)
    }
  }
}

/// An address that is listened on.
struct Listener: Sendable {
  /// With the bound port.
  let address: ListenAddress
  let channel: any Channel

  /// Accepts no new connections. The path of a socket is free before: another server that takes it loses it no more.
  func close() async {
    if case .socket(let path) = self.address.place { unlink(path) }
    try? await self.channel.close()
  }
}
