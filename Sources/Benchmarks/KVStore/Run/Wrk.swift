import FoundationEssentials
import Subprocess
import SystemPackage

/// Drives a server with `wrk`.
package struct Wrk: Sendable {
  package let executable: String
  /// For the scripts.
  package let directory: String
  package let seconds: Int

  package struct Outcome: Sendable {
    package let requestsPerSecond: Double
    /// Of the server's process.
    package let cpuMicrosecondsPerRequest: Double
  }

  /// - Throws: ``BenchmarkError`` when a single request fails.
  package func run(_ load: RequestLoad, named name: String, against server: Server) async throws
    -> Outcome
  {
    let script = "\(self.directory)/\(name).lua"
    try load.pattern.wrkScript.write(toFile: script, atomically: true, encoding: .utf8)
    var options = PlatformOptions()
    options.processGroupID = 0
    options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(1))]
    let before = try server.process.usage()
    let result = try await Subprocess.run(
      .path(FilePath(self.executable)),
      arguments: [
        "-t1", "-c\(load.connections)", "-d\(self.seconds)s", "--timeout", "30s", "-s", script,
        "http://127.0.0.1:\(server.port)",
      ],
      platformOptions: options, output: .string(limit: 64 << 10), error: .combinedWithOutput)
    try Task.checkCancellation()
    let after = try server.process.usage()
    guard let summary = WrkSummary(output: result.standardOutput), summary.requests > 0 else {
      throw BenchmarkError.noWrkSummary(output: result.standardOutput)
    }
    guard summary.refused == 0, summary.broken == 0 else {
      throw BenchmarkError.requestsFailed(
        load: name, server.subject,
        reason: "\(summary.refused) refused, \(summary.broken) broken of \(summary.requests)")
    }
    let requests = Double(summary.requests)
    return Outcome(
      requestsPerSecond: requests / summary.seconds,
      cpuMicrosecondsPerRequest: (after.cpuSeconds - before.cpuSeconds) * 1e6 / requests)
  }
}
