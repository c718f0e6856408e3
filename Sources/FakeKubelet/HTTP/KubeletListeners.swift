import HTTPListening
import Hummingbird

/// The kubelet's two ports.
struct KubeletListeners: Sendable {
  private let configuration: FakeKubeletConfiguration
  /// Each port once, when it listens; ends early when one fails.
  private let bound: AsyncStream<(KubeletRoutes.Port, String)>
  private let announcement: AsyncStream<(KubeletRoutes.Port, String)>.Continuation

  init(configuration: FakeKubeletConfiguration) {
    self.configuration = configuration
    (self.bound, self.announcement) = AsyncStream.makeStream()
  }

  /// Both addresses, as soon as both ports listen; `nil` when one fails.
  func addresses() async -> FakeKubeletAddresses? {
    var addresses: [KubeletRoutes.Port: String] = [:]
    for await (port, address) in self.bound {
      addresses[port] = address
      if let readOnly = addresses[.readOnly], let main = addresses[.main] {
        return FakeKubeletAddresses(readOnly: readOnly, main: main)
      }
    }
    return nil
  }

  /// Serves one port until graceful shutdown.
  func serve(_ routes: KubeletRoutes, on port: KubeletRoutes.Port) async throws {
    defer { self.announcement.finish() }
    let (number, flag) =
      switch port {
      case .readOnly: (self.configuration.readOnlyPort, "--read-only-port")
      case .main: (self.configuration.port, "--port")
      }
    let (address, tls) = (self.configuration.address, self.configuration.tls)
    let listener =
      if port == .main, let tls {
        try HTTPListener(address: address, port: number, tls: tls)
      } else {
        HTTPListener(address: address, port: number)
      }
    do {
      try await listener.run(routes.router(for: port).buildResponder()) {
        self.announcement.yield((port, $0))
      }
    } catch let error as HTTPListenError {
      throw FakeKubeletError.cannotListen(
        address: address, port: number, flag: flag, reason: error.reason)
    }
  }
}
