import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import NIOSSL

/// The files of a server that speaks TLS; PEM.
public struct ServerTLS: Equatable, Sendable {
  public var certificateFile: String
  public var keyFile: String
  /// CA certificates for clients; `nil` to accept clients without a certificate.
  public var clientAuthorityFile: String?

  public init(certificateFile: String, keyFile: String, clientAuthorityFile: String? = nil) {
    self.certificateFile = certificateFile
    self.keyFile = keyFile
    self.clientAuthorityFile = clientAuthorityFile
  }

  /// Reads the files for a server of HTTP/1.1.
  func builder() throws(ServerTLSError) -> HTTPServerBuilder {
    func read<Value>(
      _ flag: String, _ path: String, _ body: () throws -> Value
    ) throws(ServerTLSError) -> Value {
      do { return try body() } catch {
        throw ServerTLSError(flag: flag, path: path, reason: "\(error)")
      }
    }
    let chain = try read("--tls-cert-file", self.certificateFile) {
      try NIOSSLCertificate.fromPEMFile(self.certificateFile).map {
        NIOSSLCertificateSource.certificate($0)
      }
    }
    let key = try read("--tls-private-key-file", self.keyFile) {
      try NIOSSLPrivateKey(file: self.keyFile, format: .pem)
    }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain, privateKey: .privateKey(key))
    if let path = self.clientAuthorityFile {
      configuration.trustRoots = .certificates(
        try read("--client-ca-file", path) { try NIOSSLCertificate.fromPEMFile(path) })
      // A client without one is refused; whose name is on it does not matter.
      configuration.certificateVerification = .noHostnameVerification
    }
    return try read("--tls-cert-file", self.certificateFile) {
      try .tls(.http1(), tlsConfiguration: configuration)
    }
  }
}

/// A file of a server's certificate cannot be used.
public struct ServerTLSError: Error, Equatable, CustomStringConvertible {
  /// The option that names the file, as in Kubernetes' programs.
  public var flag: String
  public var path: String
  public var reason: String

  public var description: String { "\(self.flag): \(self.path): \(self.reason)" }
}
