import Glibc
import NIOSSL
import Synchronization

/// The TLS configuration of connections to a server, from files that may be replaced at any time.
///
/// It checks the files again before a connection, at most every two seconds. It uses new files once they
/// belong together; until then the old ones stay in use, so that a certificate may arrive before its key.
public final class ClientTLS: Sendable {
  private struct State {
    var configuration: TLSConfiguration
    /// Of the files that were loaded last, with success or without.
    var versions: [[Int]]
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
  /// - Parameter notice: called after a change of the files. With an error they do not belong together, and
  ///   the old ones stay in use.
  package func configuration(notice: (ClientTLSError?) -> Void) -> TLSConfiguration {
    let (configuration, news) = self.state.withLock {
      state -> (TLSConfiguration, ClientTLSError??) in
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
        return (state.configuration, .some(nil))
      } catch {
        let isNew = error != state.failure
        state.failure = error
        return (state.configuration, isNew ? .some(error) : nil)
      }
    }
    if let news { notice(news) }
    return configuration
  }

  /// The authorities that may sign the server's certificate, for errors.
  package var authority: String { self.files.authority }

  /// The configuration of the next connection; without a notice of a change of the files.
  public func configuration() -> TLSConfiguration { self.configuration { _ in } }

  /// Differs between two versions of the files; empty for a file that does not exist.
  private static func versions(of files: Files) -> [[Int]] {
    [files.caFile, files.certFile, files.keyFile].map { path in
      var status = stat()
      guard let path, stat(path, &status) == 0 else { return [] }
      return [
        Int(bitPattern: UInt(status.st_dev)), Int(bitPattern: UInt(status.st_ino)),
        Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
      ]
    }
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

extension ClientTLS {
  /// The files of a client, in PEM form, and the flags that name them.
  public struct Files: Equatable, Sendable {
    /// The authorities that may sign the server's certificate; `nil` for the system's.
    public var caFile: String?
    /// Our certificate, with its intermediate certificates; needs `keyFile`.
    public var certFile: String?
    public var keyFile: String?
    /// The common prefix of their flags, `--etcd` or `--kubelet`.
    public var flags: String

    public init(
      caFile: String? = nil, certFile: String? = nil, keyFile: String? = nil,
      flags: String = "--etcd"
    ) {
      self.flags = flags
      self.caFile = caFile
      self.certFile = certFile
      self.keyFile = keyFile
    }

    package var isEmpty: Bool { self == Files(flags: self.flags) }

    /// The first mistake in the flags, found without reading a file; `nil` without one.
    /// - Parameters:
    ///   - server: the flag that names the server.
    ///   - isTLS: whether it names one with `https`.
    package func mistake(server: String, isTLS: Bool) -> String? {
      if (self.certFile == nil) != (self.keyFile == nil) {
        return "\(self.flags)-certfile and \(self.flags)-keyfile need each other"
      }
      guard !isTLS, !self.isEmpty else { return nil }
      return
        "\(self.flags)-\(self.caFile == nil ? "certfile" : "cafile") needs https:// in \(server)"
    }

    /// Reads the files.
    /// - Returns: `nil` without files: then a connection uses the system's authorities.
    /// - Throws: ``ClientTLSError``, which names the flag and the file.
    package func load() throws(ClientTLSError) -> ClientTLS? {
      self.isEmpty ? nil : try ClientTLS(self)
    }

    /// The authorities that may sign the server's certificate, for errors.
    package var authority: String {
      self.caFile.map { "\(self.flags)-cafile (\($0))" }
        ?? "an authority that this system trusts (see \(self.flags)-cafile)"
    }
  }
}

/// Why files cannot make a TLS connection.
public enum ClientTLSError: Error, Equatable, Sendable, CustomStringConvertible {
  case unreadable(flag: String, path: String, errno: Int32)
  case noCertificate(flag: String, path: String)
  case noKey(flag: String, path: String)
  /// - `cert`, `key`: each with its flag.
  case keyOfAnother(cert: String, key: String)
  case halfAPair(given: String, missing: String)

  public var description: String {
    switch self {
    case .unreadable(let flag, let path, let errno):
      "\(flag): cannot read \(path): \(String(cString: strerror(errno)))"
    case .noCertificate(let flag, let path): "\(flag): \(path) holds no PEM certificate"
    case .noKey(let flag, let path):
      "\(flag): \(path) holds no PEM private key without a passphrase"
    case .keyOfAnother(let cert, let key):
      "the key in \(key) does not belong to the certificate in \(cert)"
    case .halfAPair(let given, let missing): "\(given) needs \(missing)"
    }
  }
}
