import ArgumentParser
import EtcdClient
import HTTPEndpoint
import Logging

/// How to reach etcd.
struct EtcdOptions: ParsableArguments {
  @Option(help: ArgumentHelp("etcd's URLs, with commas in between.", valueName: "url,..."))
  var etcdServers: String

  @Option(
    help: ArgumentHelp(
      """
      Which API of etcd to use: auto, v2 or v3. auto takes v2 where a server has it, which podmaster \
      needs, else v3. All who share a key have to use the same: name it before you switch v2 off. \
      (default: auto)
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
      "Who may sign the certificates of https servers. (default: whom the system trusts)",
      valueName: "file"))
  var etcdCafile: String?

  @Option(help: ArgumentHelp("Our own certificate, for etcd.", valueName: "file"))
  var etcdCertfile: String?

  @Option(
    help: ArgumentHelp(
      "The key to it. All three files may be replaced at any time.", valueName: "file"))
  var etcdKeyfile: String?

  @Option(help: ArgumentHelp("The user to be in etcd.", valueName: "name"))
  var etcdUsername: String?

  @Option(help: ArgumentHelp("The file with that user's password.", valueName: "file"))
  var etcdPasswordFile: String?

  func validate() throws {
    _ = try self.endpoints()
    try self.validateTLS()
    if (self.etcdUsername == nil) != (self.etcdPasswordFile == nil) {
      throw ValidationError("--etcd-username and --etcd-password-file need each other")
    }
    if self.etcdUsername?.isEmpty == true {
      throw ValidationError("--etcd-username must not be empty")
    }
  }

  /// What can be said of the files' flags without the files.
  private func validateTLS() throws {
    if (self.etcdCertfile == nil) != (self.etcdKeyfile == nil) {
      throw ValidationError("--etcd-certfile and --etcd-keyfile need each other")
    }
    let flags = [
      ("--etcd-cafile", self.etcdCafile), ("--etcd-certfile", self.etcdCertfile),
    ]
    if let flag = flags.first(where: { $0.1 != nil })?.0,
      try !self.endpoints().contains(where: \.isTLS)
    {
      throw ValidationError("\(flag) is for https, but --etcd-servers has no https:// in it")
    }
  }

  private func endpoints() throws -> [EtcdEndpoint] {
    do { return try EtcdEndpoint.list(self.etcdServers) } catch {
      throw ValidationError("--etcd-servers: \(error)")
    }
  }

  /// A client whose requests all end in time.
  /// - Parameter attemptTimeout: the bound of one attempt when there are several endpoints.
  /// - Throws: ``ClientTLSError`` and ``EtcdCredentialsError``, which name the flag and the file.
  func client(
    timeout: Duration, attemptTimeout: Duration, logger: Logger
  ) throws -> EtcdClient {
    let files = ClientTLS.Files(
      caFile: self.etcdCafile, certFile: self.etcdCertfile, keyFile: self.etcdKeyfile)
    var credentials: EtcdCredentials?
    if let username = self.etcdUsername, let file = self.etcdPasswordFile {
      let user = try EtcdCredentials(username: username, passwordFile: file)
      if user.isReadableByOthers {
        logger.warning("others can read --etcd-password-file \(file): chmod 600 is enough")
      }
      credentials = user
    }
    return EtcdClient(
      endpoints: try self.endpoints(), timeout: timeout, attemptTimeout: attemptTimeout,
      connectTimeout: attemptTimeout, longestPause: attemptTimeout / 2,
      tls: files == ClientTLS.Files() ? nil : try ClientTLS(files), credentials: credentials
    ) { notice in
      logger.log(level: notice.isWarning ? .warning : .info, "\(notice)")
    }
  }
}
