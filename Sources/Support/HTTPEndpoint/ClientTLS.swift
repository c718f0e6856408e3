import Glibc
import NIOSSL
import Synchronization

/// The TLS configuration of connections to a server, from files that may be replaced at any time.
///
/// It checks the files again before a connection, at most every two seconds. It uses new files once they
/// belong together; until then the old ones stay in use, so that a certificate may arrive before its key.
public final class ClientTLS: Sendable {
  /// The result of a change of the files.
  package enum Reload: Equatable, Sendable {
    case succeeded
    /// They do not belong together: the old ones stay in use.
    case failed(ClientTLSError)
  }

  /// Differs between two versions of a file.
  private struct FileVersion: Equatable {
    var device: UInt
    var inode: UInt
    var size: Int
    var seconds: Int
    var nanoseconds: Int

    /// `nil` when the file does not exist.
    init?(_ path: String) {
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      self.device = UInt(status.st_dev)
      self.inode = UInt(status.st_ino)
      self.size = Int(status.st_size)
      self.seconds = status.st_mtim.tv_sec
      self.nanoseconds = status.st_mtim.tv_nsec
    }
  }

  private struct State {
    var configuration: TLSConfiguration
    /// Of the files that were loaded last, with success or without.
    var versions: [FileVersion?]
    var checkedAt: ContinuousClock.Instant
    var failure: ClientTLSError?
  }

  public let files: Files
  private let checkPeriod: Duration
  private let state: Mutex<State>

  /// - Throws: ``ClientTLSError`` that names the flag and the file.
  public convenience init(_ files: Files) throws(ClientTLSError) {
    try self.init(files, checkPeriod: .seconds(2))
  }

  package init(_ files: Files, checkPeriod: Duration) throws(ClientTLSError) {
    self.files = files
    self.checkPeriod = checkPeriod
    let versions = Self.versions(of: files)
    let configuration = try Self.load(files)
    self.state = Mutex(State(configuration: configuration, versions: versions, checkedAt: .now))
  }

  /// The configuration of the next connection.
  /// - Parameter notice: gets the result of a change of the files.
  package func configuration(notice: (Reload) -> Void) -> TLSConfiguration {
    let (configuration, news) = self.state.withLock { state -> (TLSConfiguration, Reload?) in
      let now = ContinuousClock.now
      guard now >= state.checkedAt + self.checkPeriod else { return (state.configuration, nil) }
      state.checkedAt = now
      // Before the files are read, so that the next check notices a change during the reading.
      let versions = Self.versions(of: self.files)
      guard versions != state.versions else { return (state.configuration, nil) }
      state.versions = versions
      do throws(ClientTLSError) {
        state.configuration = try Self.load(self.files)
        state.failure = nil
        return (state.configuration, .succeeded)
      } catch {
        let isNew = error != state.failure
        state.failure = error
        return (state.configuration, isNew ? .failed(error) : nil)
      }
    }
    if let news { notice(news) }
    return configuration
  }

  /// The authorities that may sign the server's certificate, for errors.
  package var authority: String { self.files.authority }

  /// The configuration of the next connection; without a notice of a change of the files.
  public func configuration() -> TLSConfiguration { self.configuration { _ in } }

  private static func versions(of files: Files) -> [FileVersion?] {
    [files.caFile, files.certFile, files.keyFile].map { $0.flatMap { FileVersion($0) } }
  }

  private static func load(_ files: Files) throws(ClientTLSError) -> TLSConfiguration {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    let (caFlag, certFlag, keyFlag) = (
      files.flags + "-cafile", files.flags + "-certfile", files.flags + "-keyfile"
    )
    if let path = files.caFile {
      configuration.trustRoots = .certificates(try Self.certificates(caFlag, path))
    }
    switch (files.certFile, files.keyFile) {
    case (nil, nil): break
    case (let certFile?, let keyFile?):
      configuration.certificateChain = try Self.certificates(certFlag, certFile)
        .map { .certificate($0) }
      try Self.check(keyFlag, keyFile)
      do {
        configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: keyFile, format: .pem))
      } catch {
        throw .noKey(flag: keyFlag, path: keyFile)
      }
      // BoringSSL compares the two here.
      guard (try? NIOSSLContext(configuration: configuration)) != nil else {
        throw .keyOfAnother(cert: "\(certFlag) \(certFile)", key: "\(keyFlag) \(keyFile)")
      }
    case (_?, nil): throw .halfAPair(given: certFlag, missing: keyFlag)
    case (nil, _?): throw .halfAPair(given: keyFlag, missing: certFlag)
    }
    return configuration
  }

  private static func certificates(
    _ flag: String, _ path: String
  ) throws(ClientTLSError) -> [NIOSSLCertificate] {
    try Self.check(flag, path)
    guard let certificates = try? NIOSSLCertificate.fromPEMFile(path), !certificates.isEmpty else {
      throw .noCertificate(flag: flag, path: path)
    }
    return certificates
  }

  private static func check(_ flag: String, _ path: String) throws(ClientTLSError) {
    guard access(path, R_OK) == 0 else { throw .unreadable(flag: flag, path: path, errno: errno) }
  }
}
