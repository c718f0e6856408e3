import AsyncHTTPClient
import Foundation
import Glibc
import Subprocess
import Synchronization
import TestSupport
import Testing

@testable import FakeKubelet

/// What becomes of real containers when their kubelet is stopped.
@Suite(.whereContainersRun, .takesTurns, .timeLimit(.minutes(10)))
struct KubeletStopTests {
  /// Until the pod has ended, the kubelet says that it runs: who waits for its end can see it.
  @Test func aStopGivesContainersTheirGrace() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      let script =
        "trap 'echo > /h/told; until [ -e /h/go ]; do sleep 0.01; done; echo > /h/done; exit' TERM; echo > /h/begun; while :; do sleep 0.01; done"
      try place.write("web.yaml", place.pod(script, grace: 600))
      let status = try await place.withProgram { url, stop in
        try await eventually("the container runs") { (try? place.host("begun")) != nil }
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
      try place.write("web.yaml", place.pod(script, grace: 3_600))
      let status = try await place.withProgram { _, stop in
        try await eventually("the container runs") { (try? place.host("begun")) != nil }
        try stop()
        try await eventually("SIGTERM has come") { (try? place.host("told")) != nil }
        try stop()
      }
      #expect(status == .exited(0))
      try await eventually("nothing is left") { place.processes == [] && place.mounts == [] }
    }
  }

  @Test func aContainerThatIgnoresTheSignalIsKilledAfterItsGrace() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      let script = "trap '' TERM; echo > /h/begun; sleep 1000 & wait"
      try place.write("web.yaml", place.pod(script, grace: 3))
      let stopped = Mutex(ContinuousClock.now)
      let status = try await place.withProgram { _, stop in
        try await eventually("the container runs") { (try? place.host("begun")) != nil }
        stopped.withLock { $0 = .now }
        try stop()
      }
      #expect(stopped.withLock { $0 }.duration(to: .now) >= .seconds(3))
      #expect(status == .exited(0))
      #expect(place.processes == [] && place.mounts == [])
    }
  }
}
