import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import NIOSSL
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
    logger.logLevel = .critical
    let tls = port == .main ? self.configuration.tls : nil
    let scheme = tls == nil ? "http" : "https"
    let application = Application(
      router: routes.router(for: port), server: try Self.server(tls),
      configuration: .init(address: .hostname(address, port: number)),
      onServerRunning: { channel in
        guard let local = channel.localAddress, let number = local.port else { return }
        let host = local.ipAddress ?? address
        let authority = host.contains(":") ? "[\(host)]:\(number)" : "\(host):\(number)"
        self.announcement.yield((port, "\(scheme)://\(authority)"))
      }, logger: logger)
    do {
      try await application.run()
    } catch let error as CancellationError {
      throw error
    } catch let error as FakeKubeletError {
      throw error
    } catch {
      let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) }
      throw FakeKubeletError.cannotListen(
        address: address, port: number, flag: flag, reason: reason ?? "\(error)")
    }
  }

  private static func server(_ tls: FakeKubeletTLS?) throws(FakeKubeletError) -> HTTPServerBuilder {
    guard let tls else { return .http1() }
    func read<Value>(_ flag: String, _ path: String, _ body: () throws -> Value)
      throws(FakeKubeletError)
      -> Value
    {
      do { return try body() } catch {
        throw .certificate(flag: flag, path: path, reason: "\(error)")
      }
    }
    let chain = try read("--tls-cert-file", tls.certificateFile) {
      try NIOSSLCertificate.fromPEMFile(tls.certificateFile).map {
        NIOSSLCertificateSource.certificate($0)
      }
    }
    let key = try read("--tls-private-key-file", tls.keyFile) {
      try NIOSSLPrivateKey(file: tls.keyFile, format: .pem)
    }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain, privateKey: .privateKey(key))
    if let path = tls.clientAuthorityFile {
      let authorities = try read("--client-ca-file", path) {
        try NIOSSLCertificate.fromPEMFile(path)
      }
      configuration.trustRoots = .certificates(authorities)
      // A client without one is refused; whose name is on it does not matter.
      configuration.certificateVerification = .noHostnameVerification
    }
    return try read("--tls-cert-file", tls.certificateFile) {
      try .tls(.http1(), tlsConfiguration: configuration)
    }
  }
}
