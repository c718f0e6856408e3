import ArgumentParser
import Elector
import HTTPEndpoint
import KubernetesClient

/// Where the lock is shown to people who look with kubectl.
struct APIServerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Kubernetes' API server, for example https://127.0.0.1:6443: while we are the master, the lock is \
      shown there as a Lease, with an event for each takeover. (default: not shown)
      """, valueName: "url"))
  var apiserver: String?

  @Option(
    help: ArgumentHelp(
      "Who may sign the API server's certificate. (default: whom the system trusts)",
      valueName: "file"))
  var apiserverCafile: String?

  @Option(help: ArgumentHelp("Our own certificate, for the API server.", valueName: "file"))
  var apiserverCertfile: String?

  @Option(help: ArgumentHelp("The key to it.", valueName: "file"))
  var apiserverKeyfile: String?

  @Option(
    help: ArgumentHelp(
      "The file with a bearer token, instead of a certificate.", valueName: "file"))
  var apiserverTokenFile: String?

  func validate() throws {
    guard let apiserver else {
      let flags = [
        ("--apiserver-cafile", self.apiserverCafile),
        ("--apiserver-certfile", self.apiserverCertfile),
        ("--apiserver-keyfile", self.apiserverKeyfile),
        ("--apiserver-token-file", self.apiserverTokenFile),
      ]
      if let flag = flags.first(where: { $0.1 != nil })?.0 {
        throw ValidationError("\(flag) needs --apiserver")
      }
      return
    }
    guard let endpoint = try? HTTPEndpoint(apiserver) else {
      throw ValidationError(
        "--apiserver must be like https://127.0.0.1:6443, not \"\(apiserver)\"")
    }
    if (self.apiserverCertfile == nil) != (self.apiserverKeyfile == nil) {
      throw ValidationError("--apiserver-certfile and --apiserver-keyfile need each other")
    }
    if !endpoint.isTLS, self.apiserverCafile != nil || self.apiserverCertfile != nil {
      throw ValidationError("--apiserver \(apiserver) is not https, but has files for TLS")
    }
  }

  /// - Throws: ``ClientTLSError`` that names the flag and the file.
  func access() throws -> APIServer? {
    guard let apiserver else { return nil }
    let files = ClientTLS.Files(
      caFile: self.apiserverCafile, certFile: self.apiserverCertfile,
      keyFile: self.apiserverKeyfile, flags: "--apiserver")
    return APIServer(
      url: try HTTPEndpoint(apiserver).url,
      tls: files == ClientTLS.Files(flags: "--apiserver") ? nil : try ClientTLS(files),
      tokenFile: self.apiserverTokenFile)
  }
}
