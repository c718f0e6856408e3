import Hummingbird
import Logging
import Glibc
import NIOCore

/// The kubelet's two ports.
struct KubeletListeners: Sendable {
  private let configuration: FakeKubeletConfiguration
  private let logger: Logger
  /// Each port once, when it is listened on; ends early when one cannot be.
  private let bound: AsyncStream<(KubeletRoutes.Port, String)>
  private let announcement: AsyncStream<(KubeletRoutes.Port, String)>.Continuation

  init(configuration: FakeKubeletConfiguration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
    (self.bound, self.announcement) = AsyncStream.makeStream()
  }

  /// Both addresses, as soon as both are listened on; `nil` when that fails.
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

  /// Serves one port until it is asked to shut down.
  func serve(_ routes: KubeletRoutes, on port: KubeletRoutes.Port) async throws {
    defer { self.announcement.finish() }
    let (number, flag) =
      switch port {
      case .readOnly: (self.configuration.readOnlyPort, "--read-only-port")
      case .main: (self.configuration.port, "--port")
      }
    let address = self.configuration.address
    var logger = self.logger
    // The framework's own words about its start and end would only repeat ours.
    logger.logLevel = max(logger.logLevel, .critical)
    let application = Application(
      router: routes.router(for: port),
      configuration: .init(address: .hostname(address, port: number)),
      onServerRunning: { channel in
        guard let local = channel.localAddress, let number = local.port else { return }
        let host = local.ipAddress ?? address
        let authority = host.contains(":") ? "[\(host)]:\(number)" : "\(host):\(number)"
        self.announcement.yield((port, "http://\(authority)"))
      }, logger: logger)
    do {
      try await application.run()
    } catch let error as IOError {
      throw FakeKubeletError.cannotListen(
        address: address, port: number, flag: flag,
        reason: String(cString: strerror(error.errnoCode)))
    }
  }
}
