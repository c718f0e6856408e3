import ArgumentParser

/// Where a running elector can be looked at.
struct StatusOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Serve /healthz, /readyz, /leader and /metrics, and take step-down, pause and resume; \
      :8080 is 127.0.0.1:8080. Plain HTTP, and whoever reaches it may do so. (default: off)
      """, valueName: "host:port"))
  var httpListen: String?

  /// - Throws: what is wrong with the flag.
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
