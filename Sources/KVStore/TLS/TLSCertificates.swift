import Foundation
import Logging
import NIOSSL
import Synchronization

/// The certificates in force: every new connection takes those of its moment.
final class TLSCertificates: Sendable {
  private let files: TLSFiles
  private let logger: Logger
  private let inForce: Mutex<NIOSSLContext>

  /// Reads the files. It blocks.
  /// - Throws: ``StartError``.
  init(_ files: TLSFiles, logger: Logger) throws(StartError) {
    let certificates = try files.load()
    self.files = files
    self.logger = logger
    self.inForce = Mutex(certificates.context)
    self.tell(certificates, "The certificates were read")
  }

  var context: NIOSSLContext { self.inForce.withLock { $0 } }

  /// Reads the files again. Connections that are open go on with what they began with. Files that are no
  /// good change nothing, and are named in the log. It blocks.
  func reload() {
    do throws(StartError) {
      let certificates = try self.files.load()
      self.inForce.withLock { $0 = certificates.context }
      self.tell(certificates, "The certificates were read again; new connections use them")
    } catch {
      self.logger.error("\(error); the certificates that were read before stay in force")
    }
  }

  private func tell(_ certificates: TLSFiles.Certificates, _ what: Logger.Message) {
    self.logger.info(
      what,
      metadata: [
        "cert-file": "\(self.files.certFile)",
        "not-after": "\(certificates.notAfter.formatted(.iso8601))",
        "client-cert-auth": "\(!self.files.trustedCAFile.isEmpty)",
      ])
    if let warning = certificates.warning(at: .now) { self.logger.warning("\(warning)") }
  }
}
