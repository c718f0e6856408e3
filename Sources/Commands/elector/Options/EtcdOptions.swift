import ArgumentParser
import CommandLine
import EtcdClient
import HTTPEndpoint
import Logging

/// The etcd cluster, and how to authenticate there.
struct EtcdOptions: ParsableArguments {
  @Option(help: ArgumentHelp("etcd's URLs, separated by commas.", valueName: "url,..."))
  var etcdServers: String

  @Option(
    help: ArgumentHelp(
      """
      etcd's API: auto, v2 or v3. auto takes what is recorded for the key; else v2 if a server has it, \
      which podmaster needs, and v3 if every server says that it has no v2. (default: auto)
      """, valueName: "api"),
    transform: {
      guard let api = EtcdAPI(rawValue: $0) else {
        throw ValidationError("use auto, v2 or v3, not \"\($0)\"")
      }
      return api
    })
  var etcdApi = EtcdAPI.auto

  @Option(
    help: ArgumentHelp(
      """
      By how much the clocks of etcd's members may differ; v2 leases end that much early. \
      (default: what is measured at the start, at least 250ms; 0 with one member and in v3)
      """, valueName: "duration"),
    transform: { try GoDuration(parsing: $0) })
  var etcdClockSkew: GoDuration?

  @Option(
    help: ArgumentHelp(
      "The authorities that may sign the certificates of https servers. (default: the system's)",
      valueName: "file"))
  var etcdCafile: String?

  @Option(help: ArgumentHelp("The client certificate for etcd.", valueName: "file"))
  var etcdCertfile: String?

  @Option(
    help: ArgumentHelp(
      "Its private key. All three files may be replaced at any time.", valueName: "file"))
  var etcdKeyfile: String?

  @Option(help: ArgumentHelp("The user in etcd.", valueName: "name"))
  var etcdUsername: String?

  @Option(help: ArgumentHelp("The file with the user's password.", valueName: "file"))
  var etcdPasswordFile: String?

  func validate() throws {
    let isTLS = try self.endpoints().contains(where: \.isTLS)
    if let mistake = self.tlsFiles.mistake(server: "--etcd-servers", isTLS: isTLS) {
      throw ValidationError(mistake)
    }
    if let skew = self.etcdClockSkew, skew.duration < .zero {
      throw ValidationError("--etcd-clock-skew must not be negative, but is \(skew)")
    }
    if (self.etcdUsername == nil) != (self.etcdPasswordFile == nil) {
      throw ValidationError("--etcd-username and --etcd-password-file need each other")
    }
    if self.etcdUsername?.isEmpty == true {
      throw ValidationError("--etcd-username must not be empty")
    }
  }

  /// The files that were given, with their flags.
  var files: [(flag: String, path: String)] {
    [
      ("etcd-cafile", self.etcdCafile), ("etcd-certfile", self.etcdCertfile),
      ("etcd-keyfile", self.etcdKeyfile), ("etcd-password-file", self.etcdPasswordFile),
    ].compactMap { flag, path in path.map { (flag, $0) } }
  }

  private var tlsFiles: ClientTLS.Files {
    ClientTLS.Files(
      caFile: self.etcdCafile, certFile: self.etcdCertfile, keyFile: self.etcdKeyfile,
      flags: "--etcd")
  }

  private func endpoints() throws -> [EtcdEndpoint] {
    do { return try EtcdEndpoint.list(self.etcdServers) } catch {
      throw ValidationError("--etcd-servers: \(error)")
    }
  }

  /// - Throws: what ``client(timeout:attemptTimeout:logger:)`` throws.
  func check() throws {
    _ = try self.tlsFiles.load()
    if let username = self.etcdUsername, let file = self.etcdPasswordFile {
      _ = try EtcdCredentials(username: username, passwordFile: file)
    }
  }

  /// By how much the store may end a lease early, `--etcd-clock-skew` or what is measured now.
  /// - Parameters:
  ///   - key: a lock key; another key is written beside it.
  ///   - timeout: how long the members are waited for.
  func clockSkew(
    _ client: EtcdClient, beside key: String, timeout: Duration, logger: Logger
  ) async -> Duration {
    if self.etcdApi == .v3 { return .zero }
    if let skew = self.etcdClockSkew { return skew.duration }
    let clocks = await client.memberClocks(beside: key, timeout: timeout)
    guard clocks.counted > .zero else { return .zero }
    if !clocks.silent.isEmpty {
      logger.warning(
        """
        the clocks of some etcd members could not be compared; name the most that they may differ by \
        with --etcd-clock-skew
        """,
        metadata: [
          "members": "\(clocks.silent.map { "\($0)" }.joined(separator: ","))",
          "counted": "\(clocks.counted)",
        ])
    }
    if let certain = clocks.certain, certain > .seconds(1) {
      logger.warning(
        """
        the clocks of etcd's members differ, and v2 leases end that much early: set the clocks (NTP), then \
        restart the electors
        """, metadata: ["difference": "\(certain)", "counted": "\(clocks.counted)"])
    }
    return clocks.counted
  }

  /// - Parameters:
  ///   - timeout: the bound of each request.
  ///   - attemptTimeout: the bound of one attempt while there is another endpoint to try.
  /// - Throws: ``ClientTLSError`` and ``EtcdCredentialsError``, which name the flag and the file.
  func client(
    timeout: Duration, attemptTimeout: Duration, logger: Logger
  ) throws -> EtcdClient {
    var credentials: EtcdCredentials?
    if let username = self.etcdUsername, let file = self.etcdPasswordFile {
      let user = try EtcdCredentials(username: username, passwordFile: file)
      if user.isReadableByOthers {
        logger.warning("other users can read --etcd-password-file \(file): use chmod 600")
      }
      credentials = user
    }
    return EtcdClient(
      endpoints: try self.endpoints(), timeout: timeout, attemptTimeout: attemptTimeout,
      connectTimeout: attemptTimeout, longestPause: attemptTimeout / 2,
      tls: try self.tlsFiles.load(), credentials: credentials
    ) { notice in
      logger.log(level: notice.isWarning ? .warning : .info, "\(notice)")
    }
  }
}
