import Foundation
import NIOSSL

extension TLSFiles {
  /// What a handshake needs, out of the files. It blocks.
  /// - Throws: ``StartError/tlsFile(flag:path:reason:)``.
  func load() throws(StartError) -> Certificates {
    let chain = try self.certificates(in: self.certFile, of: .certFile)
    let key = try self.privateKey()
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    // etcd's own lower bound.
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["http/1.1"]
    // A client that does not say goodbye holds up nobody for longer.
    configuration.shutdownTimeout = .seconds(2)
    if !self.trustedCAFile.isEmpty {
      let trusted = try self.certificates(in: self.trustedCAFile, of: .trustedCAFile)
      // There is no host name to be looked for in a client's certificate.
      configuration.certificateVerification = .noHostnameVerification
      configuration.trustRoots = .certificates(trusted)
      configuration.sendCANameList = true
    }
    do {
      return Certificates(
        context: try NIOSSLContext(configuration: configuration),
        notBefore: Date(timeIntervalSince1970: .init(chain.map(\.notValidBefore).max() ?? 0)),
        notAfter: Date(timeIntervalSince1970: .init(chain.map(\.notValidAfter).min() ?? 0)))
    } catch NIOSSLError.failedToLoadPrivateKey {
      throw Flag.keyFile.error(
        self.keyFile, "it is not the key of the certificate in \(self.certFile)")
    } catch {
      throw Flag.certFile.error(self.certFile, "\(error)")
    }
  }

  /// What was read from the files.
  struct Certificates: Sendable {
    let context: NIOSSLContext
    /// When all certificates that the server shows are valid.
    let notBefore: Date
    let notAfter: Date

    /// What is wrong with the certificates at a time that is nothing to refuse them for.
    func warning(at now: Date) -> String? {
      if now < self.notBefore {
        "the server's certificate is not valid before \(self.notBefore.formatted(.iso8601))"
      } else if now > self.notAfter {
        "the server's certificate has expired on \(self.notAfter.formatted(.iso8601))"
      } else {
        nil
      }
    }
  }

  private enum Flag: String {
    case certFile = "--cert-file"
    case keyFile = "--key-file"
    case trustedCAFile = "--trusted-ca-file"

    func error(_ path: String, _ reason: String) -> StartError {
      .tlsFile(flag: self.rawValue, path: path, reason: reason)
    }
  }

  private func certificates(
    in path: String, of flag: Flag
  ) throws(StartError) -> [NIOSSLCertificate] {
    let bytes = try self.contents(of: path, flag)
    do {
      return try NIOSSLCertificate.fromPEMBytes(bytes)
    } catch {
      throw flag.error(
        path,
        Self.isPEM(bytes, of: "CERTIFICATE")
          ? "one of its certificates is damaged" : "it holds no certificate in PEM form")
    }
  }

  private func privateKey() throws(StartError) -> NIOSSLPrivateKey {
    let bytes = try self.contents(of: self.keyFile, .keyFile)
    do {
      return try NIOSSLPrivateKey(bytes: bytes, format: .pem)
    } catch {
      let reason =
        if Self.isPEM(bytes, of: "ENCRYPTED PRIVATE KEY") || Self.isPEM(bytes, of: "ENCRYPTED") {
          "the key is encrypted: store it without a passphrase, where nobody else can read it"
        } else if Self.isPEM(bytes, of: "PRIVATE KEY") {
          "the key is damaged, or of a kind that is not known"
        } else {
          "it holds no private key in PEM form"
        }
      throw Flag.keyFile.error(self.keyFile, reason)
    }
  }

  private static func isPEM(_ bytes: [UInt8], of kind: String) -> Bool {
    String(decoding: bytes, as: UTF8.self).contains("\(kind)-----")
      || kind == "ENCRYPTED" && String(decoding: bytes, as: UTF8.self).contains(",ENCRYPTED")
  }

  /// Far more than any chain of certificates.
  private static let maxSize = 1 << 20

  private func contents(of path: String, _ flag: Flag) throws(StartError) -> [UInt8] {
    func failure() -> StartError { flag.error(path, String(cString: strerror(errno))) }
    // A pipe that nobody writes to would hold up the start for ever.
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
    throw flag.error(path, "it has more than \(Self.maxSize) bytes")
  }
}
