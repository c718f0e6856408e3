import Foundation
import HTTPEndpoint
import Logging
import NIOSSL
import Synchronization

/// The certificates in force. A connection keeps those of its beginning.
final class TLSCertificates: Sendable {
  private let files: TLSFiles
  private let logger: Logger
  private let inForce: Mutex<NIOSSLContext>

  /// Reads the files. It blocks.
  init(_ files: TLSFiles, logger: Logger) throws(StartError) {
    let loaded = try files.load()
    self.files = files
    self.logger = logger
    self.inForce = Mutex(loaded.context)
    self.log(loaded, "The certificates were read")
  }

  var context: NIOSSLContext { self.inForce.withLock { $0 } }

  /// Reads the files again. A file that cannot be used changes nothing and is named in the log. It blocks.
  func reload() {
    do throws(StartError) {
      let loaded = try self.files.load()
      self.inForce.withLock { $0 = loaded.context }
      self.log(loaded, "The certificates were read again; new connections use them")
    } catch {
      self.logger.error("\(error); the certificates that were read before stay in force")
    }
  }

  private func log(_ loaded: ServerTLS.Loaded, _ message: Logger.Message) {
    self.logger.info(
      message,
      metadata: [
        "cert-file": "\(self.files.certFile)",
        "not-after": "\(loaded.notAfter.formatted(.iso8601))",
        "client-cert-auth": "\(!self.files.trustedCAFile.isEmpty)",
      ])
    if Date.now < loaded.notBefore {
      self.logger.warning(
        "the server's certificate is not valid before \(loaded.notBefore.formatted(.iso8601))")
    } else if Date.now > loaded.notAfter {
      self.logger.warning(
        "the server's certificate has expired on \(loaded.notAfter.formatted(.iso8601))")
    }
  }
}

extension TLSFiles {
  /// Reads the files. It blocks.
  /// - Throws: ``StartError/tlsFile(flag:path:reason:)``.
  fileprivate func load() throws(StartError) -> ServerTLS.Loaded {
    let files = ServerTLS(
      certificateFile: self.certFile, keyFile: self.keyFile,
      clientAuthorityFile: self.trustedCAFile.isEmpty ? nil : self.trustedCAFile, flags: .etcd)
    do throws(ServerTLSError) {
      return try files.load { configuration in
        configuration.applicationProtocols = ["h2", "http/1.1"]
        // For a client that does not answer the end of the connection.
        configuration.shutdownTimeout = .seconds(2)
        configuration.sendCANameList = !self.trustedCAFile.isEmpty
      }
    } catch {
      throw .tlsFile(flag: error.flag, path: error.path, reason: error.reason)
    }
  }
}
