import Foundation
import Glibc
import Subprocess
import TestSupport
import Testing

@testable import FakeKubelet

/// How a kubelet with real containers stops.
@Suite(
  .enabled(
    if: getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/bwrap"),
    "the process runtime needs root and bubblewrap (make deps)"), .takesTurns,
  .timeLimit(.minutes(10)))
struct ProcessStopTests {
  typealias Place = ProcessRuntimeTests.Place

  /// Starts a kubelet with a pod, sends the signals, and waits for the kubelet's end.
  /// - Returns: how long it took.
  private static func stop(
    _ pod: String, in place: Place, signals: Int,
    meanwhile: (Place) async throws -> Void = { _ in }
  ) async throws -> Duration {
    try place.write("web.yaml", pod)
    let result = try await Subprocess.run(
      .path(.init(ProcessRuntimeTests.shim)), arguments: place.arguments(), input: .none,
      output: .discarded, error: .discarded
    ) { execution in
      try await eventually("it is up") { (try? place.host("up")) != nil }
      let begin = ContinuousClock.now
      try execution.send(signal: .terminate)
      try await meanwhile(place)
      if signals > 1 { try execution.send(signal: .terminate) }
      return begin
    }
    #expect(result.terminationStatus == .exited(0))
    #expect(place.processes == [])
    #expect(place.leftovers == [])
    return result.closureResult.duration(to: .now)
  }

  @Test func containersGetTheSignalAndTheirGrace() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      let pod = place.pod(
        "trap 'touch /h/told; sleep 2; touch /h/done; exit 0' TERM; touch /h/up; sleep 1000 & wait",
        grace: 60)
      let time = try await Self.stop(pod, in: place, signals: 1) { place in
        try await eventually("it was told") { (try? place.host("told")) != nil }
        // No pod starts any more.
        try place.write("late.yaml", place.pod("touch /h/late", name: "late"))
      }
      #expect((try? place.host("done")) != nil)
      #expect((try? place.host("late")) == nil)
      #expect(time >= .seconds(2))
      #expect(time < .seconds(50))
    }
  }

  @Test func whatIgnoresTheSignalIsKilledAfterItsGrace() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      let pod = place.pod("touch /h/up; sleep 1000 & wait", grace: 3)
      let time = try await Self.stop(pod, in: place, signals: 1)
      #expect(time >= .seconds(3))
      #expect(time < .seconds(50))
    }
  }

  @Test func aSecondSignalCutsItShort() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      let pod = place.pod(
        "trap 'touch /h/told' TERM; touch /h/up; while :; do sleep 1000 & wait; done", grace: 600)
      let time = try await Self.stop(pod, in: place, signals: 2) { place in
        try await eventually("it was told") { (try? place.host("told")) != nil }
      }
      #expect(time < .seconds(100))
    }
  }
}
