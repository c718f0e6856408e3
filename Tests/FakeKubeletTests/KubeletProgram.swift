import Foundation
import Glibc
import Subprocess
import TestSupport
import Testing

extension Trait where Self == ConditionTrait {
  static var whereContainersRun: Self {
    .enabled(
      if: getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/bwrap"),
      "the process runtime needs root and bubblewrap (make deps)")
  }
}

extension ProcessRuntimeTests.Place {
  /// Runs `fake-kubelet` with real containers, and waits for its end after the body, which has to stop it.
  /// - Parameter body: gets the URL of the full port, and sends SIGTERM.
  /// - Returns: how the kubelet ended.
  func withProgram(
    _ body:
      @escaping @Sendable (_ url: String, _ stop: @Sendable () throws -> Void) async throws -> Void
  ) async throws -> TerminationStatus {
    try await Subprocess.run(
      BuiltProgram("fake-kubelet").executable, arguments: self.arguments(), input: .none,
      output: .sequence, error: .discarded
    ) { execution in
      for try await line in execution.standardOutput.strings()
      where line.contains("fake-kubelet: port ") {
        let url = try #require(line.firstMatch(of: /http:\/\/127\.0\.0\.1:\d+/))
        return try await body(String(url.0)) { try execution.send(signal: .terminate) }
      }
      throw TestFailure("fake-kubelet has ended")
    }.terminationStatus
  }
}
