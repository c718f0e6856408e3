import ArgumentParser
import KubernetesClient

/// Where a running elector serves its status, and where it takes an operator's requests.
struct StatusOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Serve /healthz, /readyz, /leader and /metrics; :10290 is 127.0.0.1:10290. Plain HTTP without \
      authentication, which only tells. (default: off)
      """, valueName: "host:port"))
  var httpListen: String?

  @Option(
    help: ArgumentHelp(
      """
      The Unix socket for step-down and resume, which root and the elector's user can open; off for none. \
      (default: /run/elector/<key>.sock, or elections.sock with --config)
      """, valueName: "path"))
  var controlSocket: String?

  func address() throws -> (host: String, port: Int)? {
    guard let httpListen else { return nil }
    let text = httpListen.hasPrefix(":") ? "127.0.0.1\(httpListen)" : httpListen
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
      colon != text.startIndex
    else {
      throw ValidationError("--http-listen must be like 127.0.0.1:10290, not \"\(httpListen)\"")
    }
    let host = text[..<colon]
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    guard isBracketed || !host.contains(":") else {
      throw ValidationError("--http-listen: write the address as [\(host)]:\(port)")
    }
    return (String(isBracketed ? host.dropFirst().dropLast() : host), Int(port))
  }

  /// - Parameter keys: of all elections.
  /// - Returns: `nil` for no socket.
  func socket(keys: [String]) -> ControlSocket? {
    if self.controlSocket == "off" { return nil }
    return self.controlSocket.map { ControlSocket(path: $0, isDefault: false) }
      ?? ControlSocket(keys: keys)
  }

  func validate() throws {
    _ = try self.address()
    if self.controlSocket?.split(separator: "/").isEmpty == true {
      throw ValidationError("--control-socket must not be empty: use a path, or off")
    }
  }
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

/// podmaster's other log flags, which are accepted and do nothing: the log goes to standard error, at once.
/// Source: glog's flags and `util.InitLogs` of Kubernetes 1.1.
struct PodmasterLogOptions: ParsableArguments {
  @Option(name: .customLong("log-flush-frequency"), help: .private)
  var flushFrequency: String?
  @Option(name: .customLong("logtostderr"), help: .private)
  var toStandardError: String?
  @Option(name: .customLong("alsologtostderr"), help: .private)
  var alsoToStandardError: String?
  @Option(name: .customLong("log-dir"), help: .private)
  var directory: String?
  @Option(name: .customLong("log-backtrace-at"), help: .private)
  var backtraceAt: String?
  @Option(name: .customLong("stderrthreshold"), help: .private)
  var threshold: String?
  @Option(name: .customLong("vmodule"), help: .private)
  var modules: String?

  /// The names of the boolean flags.
  static let switches: Set = ["logtostderr", "alsologtostderr"]
}
