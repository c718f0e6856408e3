/// The answer of `/healthz`.
///
/// Source: `pkg/kubelet/server/server.go` InstallDefaultHandlers, `kubelet.go` syncLoopHealthCheck.
struct KubeletHealth: Equatable {
  /// Whether the loop has not turned for longer than it should.
  let isStuck: Bool

  /// - Parameters:
  ///   - idle: the time since the loop's last turn.
  ///   - checkFrequency: the period of lists of the manifest directory, which turn the loop.
  init(idle: Duration, checkFrequency: Duration) {
    self.isStuck = idle > max(checkFrequency * 2, .seconds(300))
  }

  private static let checks = ["ping", "log", "syncloop"]

  /// - Parameters:
  ///   - check: a single check; `nil` for all.
  ///   - isVerbose: whether the answer lists each check.
  /// - Returns: `nil` when there is no such check.
  func answer(check: String?, isVerbose: Bool) -> (isGood: Bool, text: String)? {
    if let check {
      guard Self.checks.contains(check) else { return nil }
      let isGood = check != "syncloop" || !self.isStuck
      return (
        isGood, isGood ? "ok" : "internal server error: sync Loop took longer than expected\n"
      )
    }
    guard isVerbose || self.isStuck else { return (true, "ok") }
    let lines = Self.checks.map { name in
      name == "syncloop" && self.isStuck
        ? "[-]\(name) failed: reason withheld\n" : "[+]\(name) ok\n"
    }
    return (!self.isStuck, lines.joined() + "healthz check \(self.isStuck ? "failed" : "passed")\n")
  }
}
