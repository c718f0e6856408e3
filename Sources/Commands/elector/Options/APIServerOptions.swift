import ArgumentParser
import KubernetesClient

/// The API server at which kubectl shows the lock.
struct APIServerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Kubernetes' API server, for example https://127.0.0.1:6443. While this elector is the master, it \
      shows the lock there as a Lease, with an event for each takeover. (default: not shown)
      """, valueName: "url"))
  var apiserver: String?

  @OptionGroup var access: APIServerAccess

  func validate() throws {
    guard let apiserver else {
      if let flag = self.access.givenFlag { throw ValidationError("\(flag) needs --apiserver") }
      return
    }
    try self.access.check(
      APIServerAccess.endpoints([apiserver], flag: "--apiserver"), flag: "--apiserver")
  }

  /// - Throws: ``ClientTLSError``, which names the flag and the file.
  func server() throws -> APIServer? {
    guard let apiserver else { return nil }
    return try self.access.servers([apiserver], flag: "--apiserver").first
  }
}
