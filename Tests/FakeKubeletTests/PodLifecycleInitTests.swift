import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// Init containers, sidecars, and hooks before the end.
@Suite struct PodLifecycleInitTests {
  /// A pod that starts at second 0.
  private static func pod(_ spec: String, _ first: [PodLifecycle.Effect]) throws -> PodLifecycle {
    var pod = PodLifecycle(try Fixtures.manifest(uid: "u", spec: spec), at: .at(0))
    #expect(pod.handle(.woke, at: .at(0)) == first)
    return pod
  }

  private static func condition(_ type: String, of pod: PodLifecycle) -> JSONValue? {
    pod.status(clock: Fixtures.clock, runtime: "pretend")["conditions"]?.elements
      .first { $0["type"] == .string(type) }
  }

  private static let two =
    "  initContainers:\n  - {name: zeta, image: 'i:1'}\n  - {name: alpha, image: 'i:1'}"

  @Test func initialContainersRunInTheirOrderBeforeTheOthers() throws {
    var pod = try Self.pod(Self.two, [.startContainer("zeta", attempt: 0)])
    #expect(pod.handle(.containerStarted("zeta"), at: .at(1)) == [])
    #expect(pod.phase == .pending)
    let initialized = try #require(Self.condition("Initialized", of: pod))
    #expect(initialized["status"] == "False")
    #expect(initialized["reason"] == "ContainersNotInitialized")
    #expect(initialized["message"] == "containers with incomplete status: [zeta alpha]")
    #expect(
      pod.handle(.containerExited("zeta", code: 0), at: .at(2))
        == [.startContainer("alpha", attempt: 0)])
    let status = pod.status(clock: Fixtures.clock, runtime: "pretend")
    let initial = status["initContainerStatuses"]?.elements ?? []
    #expect(initial.map { $0["name"] } == ["zeta", "alpha"])
    #expect(initial.map { $0["ready"] } == [true, false])
    #expect(initial.first?["state"]?["terminated"]?["reason"] == "Completed")
    let main = status["containerStatuses"]?.elements
    #expect(main?.map { $0["state"] } == [["waiting": ["reason": "PodInitializing"]]])
    _ = pod.handle(.containerStarted("alpha"), at: .at(3))
    #expect(
      pod.handle(.containerExited("alpha", code: 0), at: .at(4))
        == [.startContainer("main", attempt: 0)])
    #expect(pod.initializedAt == .at(4))
    #expect(Self.condition("Initialized", of: pod)?["status"] == "True")
    _ = pod.handle(.containerStarted("main"), at: .at(5))
    #expect(pod.phase == .running)
    #expect(pod.isReady)
  }

  @Test(arguments: ["Always", "OnFailure"])
  func aFailedInitialContainerIsTriedAgainWithBackOff(policy: String) throws {
    var pod = try Self.pod(
      "\(Self.two)\n  restartPolicy: \(policy)", [.startContainer("zeta", attempt: 0)])
    _ = pod.handle(.containerStarted("zeta"), at: .at(1))
    #expect(
      pod.handle(.containerExited("zeta", code: 1), at: .at(2))
        == [.startContainer("zeta", attempt: 1)])
    #expect(pod.handle(.containerExited("zeta", code: 1), at: .at(3)) == [.wake(at: .at(13))])
    #expect(pod.phase == .pending)
    #expect(pod.handle(.woke, at: .at(13)) == [.startContainer("zeta", attempt: 2)])
    // An init container that has succeeded does not restart, whatever the pod's policy.
    #expect(
      pod.handle(.containerExited("zeta", code: 0), at: .at(14))
        == [.startContainer("alpha", attempt: 0)])
  }

  @Test func aFailedInitialContainerFailsThePodThatNeverRestarts() throws {
    var pod = try Self.pod(
      "\(Self.two)\n  restartPolicy: Never", [.startContainer("zeta", attempt: 0)])
    _ = pod.handle(.containerStarted("zeta"), at: .at(1))
    #expect(pod.handle(.containerExited("zeta", code: 1), at: .at(2)) == [])
    #expect(pod.phase == .failed)
    #expect(pod.isFinished)
    #expect(Self.condition("Ready", of: pod)?["reason"] == "PodFailed")
    #expect(Self.condition("PodReadyToStartContainers", of: pod)?["status"] == "False")
    #expect(pod.handle(.removed, at: .at(3)) == [.ended])
  }

  @Test func aSidecarRunsBesideTheOthersAndEndsWithThem() throws {
    let spec =
      "  restartPolicy: Never\n  initContainers:\n"
      + "  - {name: side, image: 'i:1', restartPolicy: Always}\n  - {name: last, image: 'i:1'}"
    var pod = try Self.pod(spec, [.startContainer("side", attempt: 0)])
    #expect(
      pod.handle(.containerStarted("side"), at: .at(1))
        == [.startContainer("last", attempt: 0)])
    #expect(
      pod.handle(.containerExited("last", code: 0), at: .at(2))
        == [.startContainer("main", attempt: 0)])
    _ = pod.handle(.containerStarted("main"), at: .at(3))
    // It restarts, whatever the pod's policy.
    #expect(
      pod.handle(.containerExited("side", code: 1), at: .at(4))
        == [.startContainer("side", attempt: 1)])
    #expect(!pod.isReady)
    #expect(pod.phase == .running)
    _ = pod.handle(.containerStarted("side"), at: .at(5))
    #expect(pod.isReady)
    #expect(
      pod.handle(.containerExited("main", code: 0), at: .at(6))
        == [.signal(.terminate, "side"), .wake(at: .at(36))])
    #expect(pod.phase == .succeeded)
    #expect(!pod.isFinished)
    #expect(pod.handle(.containerExited("side", code: 143), at: .at(7)) == [])
    #expect(pod.isFinished)
    #expect(Self.condition("Initialized", of: pod)?["reason"] == "PodCompleted")
    #expect(pod.handle(.removed, at: .at(8)) == [.ended])
  }

  // MARK: preStop

  private static let grace = "\n  terminationGracePeriodSeconds: 10"

  private static func running(_ hook: String) throws -> PodLifecycle {
    var pod = try Self.pod(
      "    lifecycle: {preStop: \(hook)}\(Self.grace)", [.startContainer("main", attempt: 0)])
    _ = pod.handle(.containerStarted("main"), at: .at(1))
    return pod
  }

  @Test func aSleepCountsWithinTheGrace() throws {
    var pod = try Self.running("{sleep: {seconds: 4}}")
    #expect(pod.handle(.removed, at: .at(10)) == [.wake(at: .at(14))])
    #expect(pod.handle(.woke, at: .at(14)) == [.signal(.terminate, "main"), .wake(at: .at(20))])
    #expect(pod.handle(.woke, at: .at(20)) == [.signal(.kill, "main")])
  }

  @Test func aHookThatEndsIsFollowedByTheSignal() throws {
    var pod = try Self.running("{exec: {command: [drain]}}")
    #expect(
      pod.handle(.removed, at: .at(10))
        == [.runHook(.preStop, "main", .exec(["drain"])), .wake(at: .at(20))])
    #expect(pod.handle(.woke, at: .at(12)) == [])
    #expect(
      pod.handle(.hookEnded(.preStop, "main", failure: "no"), at: .at(13))
        == [.report(.failedPreStop("no").about("main")), .signal(.terminate, "main")])
    #expect(pod.handle(.containerExited("main", code: 0), at: .at(14)) == [.ended])
  }

  @Test func aHookThatOutlastsTheGraceLeavesTwoSeconds() throws {
    var pod = try Self.running("{exec: {command: [drain]}}")
    _ = pod.handle(.removed, at: .at(10))
    #expect(pod.handle(.woke, at: .at(20)) == [.signal(.terminate, "main"), .wake(at: .at(22))])
    #expect(pod.handle(.hookEnded(.preStop, "main", failure: nil), at: .at(21)) == [])
    #expect(pod.handle(.woke, at: .at(22)) == [.signal(.kill, "main")])
  }

  @Test func whatDoesNotRunYetHasNoHook() throws {
    var pod = try Self.pod(
      "    lifecycle: {preStop: {sleep: {seconds: 4}}}\(Self.grace)",
      [.startContainer("main", attempt: 0)])
    #expect(pod.handle(.removed, at: .at(1)) == [.signal(.terminate, "main"), .wake(at: .at(11))])
  }
}
