import ArgumentParser
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
    if (self.etcdUsername == nil) != (self.etcdPasswordFile == nil) {
      throw ValidationError("--etcd-username and --etcd-password-file need each other")
    }
    if self.etcdUsername?.isEmpty == true {
      throw ValidationError("--etcd-username must not be empty")
    }
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
