import Foundation
import NIOSSL

/// The PEM files of a server that speaks TLS.
public struct ServerTLS: Equatable, Sendable {
  public var certificateFile: String
  public var keyFile: String
  /// CA certificates for clients; `nil` to accept clients without a certificate.
  public var clientAuthorityFile: String?
  /// The options that name the files, for errors.
  package var flags: Flags

  package struct Flags: Equatable, Sendable {
    let certificate: String
    let key: String
    let clientAuthority: String

    package static let kubernetes = Flags(
      certificate: "--tls-cert-file", key: "--tls-private-key-file",
      clientAuthority: "--client-ca-file")
    package static let etcd = Flags(
      certificate: "--cert-file", key: "--key-file", clientAuthority: "--trusted-ca-file")
  }

  public init(certificateFile: String, keyFile: String, clientAuthorityFile: String? = nil) {
    self.init(
      certificateFile: certificateFile, keyFile: keyFile, clientAuthorityFile: clientAuthorityFile,
      flags: .kubernetes)
  }

  package init(
    certificateFile: String, keyFile: String, clientAuthorityFile: String?, flags: Flags
  ) {
    self.certificateFile = certificateFile
    self.keyFile = keyFile
    self.clientAuthorityFile = clientAuthorityFile
    self.flags = flags
  }

  /// What a handshake needs, from the files.
  package struct Loaded: Sendable {
    package let configuration: TLSConfiguration
    package let context: NIOSSLContext
    /// All certificates that the server shows are valid between these two.
    package let notBefore: Date
    package let notAfter: Date
  }

  /// Reads the files and checks that they fit each other. It blocks.
  /// - Parameter configure: settings beyond the certificates.
  package func load(
    _ configure: (inout TLSConfiguration) -> Void = { _ in }
  ) throws(ServerTLSError) -> Loaded {
    let chain = try Self.certificates(in: self.certificateFile, of: self.flags.certificate)
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(try self.key()))
    // The default of etcd and of Kubernetes.
    configuration.minimumTLSVersion = .tlsv12
    if let clientAuthorityFile {
      configuration.trustRoots = .certificates(
        try Self.certificates(in: clientAuthorityFile, of: self.flags.clientAuthority))
      // A client's certificate has no host name to compare with.
      configuration.certificateVerification = .noHostnameVerification
    }
    configure(&configuration)
    do {
      return Loaded(
        configuration: configuration, context: try NIOSSLContext(configuration: configuration),
        notBefore: Date(timeIntervalSince1970: .init(chain.map(\.notValidBefore).max() ?? 0)),
        notAfter: Date(timeIntervalSince1970: .init(chain.map(\.notValidAfter).min() ?? 0)))
    } catch NIOSSLError.failedToLoadPrivateKey {
      throw ServerTLSError(
        flag: self.flags.key, path: self.keyFile,
        reason: "it is not the key of the certificate in \(self.certificateFile)")
    } catch {
      throw ServerTLSError(
        flag: self.flags.certificate, path: self.certificateFile, reason: "\(error)")
    }
  }

  private static func certificates(
    in path: String, of flag: String
  ) throws(ServerTLSError) -> [NIOSSLCertificate] {
    let bytes = try self.contents(of: path, flag)
    do {
      return try NIOSSLCertificate.fromPEMBytes(bytes)
    } catch {
      throw ServerTLSError(
        flag: flag, path: path,
        reason: self.isPEM(bytes, of: "CERTIFICATE")
          ? "one of its certificates is damaged" : "it holds no certificate in PEM form")
    }
  }

  private func key() throws(ServerTLSError) -> NIOSSLPrivateKey {
    let bytes = try Self.contents(of: self.keyFile, self.flags.key)
    do {
      return try NIOSSLPrivateKey(bytes: bytes, format: .pem)
    } catch {
      let reason =
        if Self.isPEM(bytes, of: "ENCRYPTED PRIVATE KEY") || Self.isPEM(bytes, of: "ENCRYPTED") {
          "the key is encrypted: store it without a passphrase, readable by the server alone"
        } else if Self.isPEM(bytes, of: "PRIVATE KEY") {
          "the key is damaged or of an unknown kind"
        } else {
          "it holds no private key in PEM form"
        }
      throw ServerTLSError(flag: self.flags.key, path: self.keyFile, reason: reason)
    }
  }

  private static func isPEM(_ bytes: [UInt8], of kind: String) -> Bool {
    let text = String(decoding: bytes, as: UTF8.self)
    return text.contains("\(kind)-----") || kind == "ENCRYPTED" && text.contains(",ENCRYPTED")
  }

  /// In bytes; far more than any chain of certificates.
  private static let maxSize = 1 << 20

  private static func contents(of path: String, _ flag: String) throws(ServerTLSError) -> [UInt8] {
    func failure() -> ServerTLSError {
      ServerTLSError(flag: flag, path: path, reason: String(cString: strerror(errno)))
    }
    // Opening a pipe without a writer would block for ever.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failure() }
    defer { close(descriptor) }
    var contents: [UInt8] = []
    while contents.count <= Self.maxSize {
      var count = 0
      let piece = [UInt8](unsafeUninitializedCapacity: 65_536) { space, used in
        count = read(descriptor, space.baseAddress, space.count)
        used = max(0, count)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure() }
      guard count > 0 else { return contents }
      contents += piece
    }
    throw ServerTLSError(
      flag: flag, path: path, reason: "it has more than \(Self.maxSize) bytes")
  }
}

/// A file of ``ServerTLS`` cannot be used.
public struct ServerTLSError: Error, Equatable, CustomStringConvertible {
  /// The option that names the file.
  public var flag: String
  public var path: String
  public var reason: String

  package init(flag: String, path: String, reason: String) {
    self.flag = flag
    self.path = path
    self.reason = reason
  }

  public var description: String { "\(self.flag): \(self.path): \(self.reason)" }
}
