import AsyncHTTPClient
import Foundation
import Glibc
import Subprocess
import TestSupport
import Testing

@testable import FakeKubelet

/// What becomes of real containers when their kubelet is stopped.
@Suite(
  .enabled(
    if: getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/bwrap"),
    "the process runtime needs root and bubblewrap (make deps)"), .takesTurns,
  .timeLimit(.minutes(10)))
struct KubeletStopTests {
  private typealias Place = ProcessRuntimeTests.Place

  /// Runs a kubelet with one pod until the body returns, and then waits for its end.
  private static func withKubelet(
    _ place: Place, _ script: String, grace: Int,
    _ body:
      @escaping @Sendable (_ url: String, _ stop: @Sendable () throws -> Void) async throws -> Void
  ) async throws -> TerminationStatus {
    try place.write("web.yaml", place.pod("\(script)", grace: grace))
    return try await Subprocess.run(
      BuiltProgram("fake-kubelet").executable, arguments: place.arguments(), input: .none,
      output: .sequence, error: .discarded
    ) { execution in
      for try await line in execution.standardOutput.strings() {
        guard line.contains("fake-kubelet: port "),
          let url = line.firstMatch(of: /http:\/\/127\.0\.0\.1:\d+/)
        else { continue }
        try await eventually("the container runs") { (try? place.host("begun")) != nil }
        return try await body(String(url.0)) { try execution.send(signal: .terminate) }
      }
      throw TestFailure("fake-kubelet has ended")
    }.terminationStatus
  }

  /// Until the pod has ended, the kubelet says that it runs: who waits for its end can see it.
  @Test func aStopGivesContainersTheirGrace() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      let script =
        "trap 'echo > /h/told; until [ -e /h/go ]; do sleep 0.01; done; echo > /h/done; exit' TERM; echo > /h/begun; while :; do sleep 0.01; done"
      let status = try await Self.withKubelet(place, script, grace: 600) { url, stop in
        try stop()
        try await eventually("SIGTERM has come") { (try? place.host("told")) != nil }
        let request = HTTPClientRequest(url: url + "/runningpods/")
        let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        #expect(String(buffer: try await answer.body.collect(upTo: 1 << 20)).contains("web-n1"))
        // No other pod starts meanwhile.
        try place.write("late.yaml", place.pod("echo > /h/late", name: "late"))
        try Data().write(to: place.host.appending(path: "go"))
      }
      #expect(status == .exited(0))
      #expect((try? place.host("done")) != nil)
      #expect((try? place.host("late")) == nil)
      #expect(place.processes == [] && place.mounts == [])
    }
  }

  @Test func aSecondSignalCutsTheGraceShort() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      let script = "trap 'echo > /h/told' TERM; echo > /h/begun; while :; do sleep 0.01; done"
      let status = try await Self.withKubelet(place, script, grace: 3_600) { _, stop in
        try stop()
        try await eventually("SIGTERM has come") { (try? place.host("told")) != nil }
        try stop()
      }
      #expect(status == .exited(0))
      try await eventually("nothing is left") { place.processes == [] && place.mounts == [] }
    }
  }
}
