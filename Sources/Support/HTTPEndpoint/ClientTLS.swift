import Glibc
import NIOSSL
import Synchronization

/// What a TLS connection to a server is made with, from files that may be replaced while they are in use.
///
/// The files are looked at again when a connection may be opened, at most every two seconds. A new set
/// is used once it makes a whole; until then the old one stays, so that a certificate that is there
/// before its key disturbs nobody.
public final class ClientTLS: Sendable {
  /// Where the files are, each as PEM.
  public struct Files: Equatable, Sendable {
    /// Who may sign the server's certificate; `nil` for whom the system trusts.
    public var caFile: String?
    /// Our own certificate, with what it takes to get from it to the CA; needs `keyFile`.
    public var certFile: String?
    public var keyFile: String?
    /// What the flags that name them begin with, `--etcd` or `--kubelet`.
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
  }

  /// What became of files that changed.
  package enum Reload: Equatable, Sendable {
    case succeeded
    /// They do not make a whole: the old ones stay in use.
    case failed(ClientTLSError)
  }

  /// What tells one version of a file from another.
  private struct Stamp: Equatable {
    var device: UInt
    var inode: UInt
    var size: Int
    var seconds: Int
    var nanoseconds: Int

    /// `nil` when there is no such file.
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
    /// Of the files that were tried last, in vain or not.
    var stamps: [Stamp?]
    var lookedAt: ContinuousClock.Instant
    var failure: ClientTLSError?
  }

  public let files: Files
  private let pause: Duration
  private let state: Mutex<State>

  /// - Throws: ``ClientTLSError`` that names the flag and the file.
  public convenience init(_ files: Files) throws(ClientTLSError) {
    try self.init(files, lookingEvery: .seconds(2))
  }

  package init(_ files: Files, lookingEvery pause: Duration) throws(ClientTLSError) {
    self.files = files
    self.pause = pause
    let stamps = Self.stamps(files)
    let configuration = try Self.load(files)
    self.state = Mutex(State(configuration: configuration, stamps: stamps, lookedAt: .now))
  }

  /// What to connect with now.
  /// - Parameter notice: told of a change of the files.
  package func configuration(notice: (Reload) -> Void) -> TLSConfiguration {
    let (configuration, news) = self.state.withLock { state -> (TLSConfiguration, Reload?) in
      let now = ContinuousClock.now
      guard now >= state.lookedAt + self.pause else { return (state.configuration, nil) }
      state.lookedAt = now
      // Taken before the files are read, so that a change during it is seen the next time.
      let stamps = Self.stamps(self.files)
      guard stamps != state.stamps else { return (state.configuration, nil) }
      state.stamps = stamps
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

  /// How a failed connection is to be told: which files decided it.
  package var trust: String {
    self.files.caFile.map { "\(self.files.flags)-cafile (\($0))" }
      ?? Self.systemTrust(flags: self.files.flags)
  }

  package static func systemTrust(flags: String) -> String {
    "whom this system trusts (see \(flags)-cafile)"
  }

  /// What to connect with now; changes of the files are told to nobody.
  public func configuration() -> TLSConfiguration { self.configuration { _ in } }

  private static func stamps(_ files: Files) -> [Stamp?] {
    [files.caFile, files.certFile, files.keyFile].map { $0.flatMap { Stamp($0) } }
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
      // It is here that the two meet.
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

/// Why files make no TLS connection.
public enum ClientTLSError: Error, Equatable, Sendable, CustomStringConvertible {
  case unreadable(flag: String, path: String, errno: Int32)
  case noCertificate(flag: String, path: String)
  case noKey(flag: String, path: String)
  /// Each with its flag.
  case keyOfAnother(cert: String, key: String)
  case halfAPair(given: String, missing: String)

  public var description: String {
    switch self {
    case .unreadable(let flag, let path, let errno):
      "\(flag): cannot read \(path): \(String(cString: strerror(errno)))"
    case .noCertificate(let flag, let path): "\(flag): there is no PEM certificate in \(path)"
    case .noKey(let flag, let path):
      "\(flag): there is no PEM private key without a passphrase in \(path)"
    case .keyOfAnother(let cert, let key):
      "the key in \(key) does not belong to the certificate in \(cert)"
    case .halfAPair(let given, let missing): "\(given) needs \(missing)"
    }
  }
}
