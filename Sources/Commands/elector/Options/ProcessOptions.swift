import ArgumentParser
import KubernetesClient

/// The address at which a running elector serves its status.
struct StatusOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Serve /healthz, /readyz, /leader and /metrics, and accept step-down and resume; \
      :8080 is 127.0.0.1:8080. Plain HTTP without authentication. (default: off)
      """, valueName: "host:port"))
  var httpListen: String?

  func address() throws -> (host: String, port: Int)? {
    guard let httpListen else { return nil }
    let text = httpListen.hasPrefix(":") ? "127.0.0.1\(httpListen)" : httpListen
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
      colon != text.startIndex
    else {
      throw ValidationError("--http-listen must be like 127.0.0.1:8080, not \"\(httpListen)\"")
    }
    let host = text[..<colon]
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    guard isBracketed || !host.contains(":") else {
      throw ValidationError("--http-listen: write the address as [\(host)]:\(port)")
    }
    return (String(isBracketed ? host.dropFirst().dropLast() : host), Int(port))
  }

  func validate() throws { _ = try self.address() }
}

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
