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

  @OptionGroup var access: APIServerAccess

  func validate() throws {
    guard let apiserver else {
      if let flag = self.access.givenFlag { throw ValidationError("\(flag) needs --apiserver") }
      return
    }
    guard let endpoint = try? HTTPEndpoint(apiserver) else {
      throw ValidationError(
        "--apiserver must be like https://127.0.0.1:6443, not \"\(apiserver)\"")
    }
    try self.access.check([endpoint], flag: "--apiserver")
  }

  /// - Throws: ``ClientTLSError`` that names the flag and the file.
  func server() throws -> APIServer? {
    guard let apiserver else { return nil }
    return try self.access.servers([apiserver], flag: "--apiserver").first
  }
}
