import Testing

@testable import FakeKubelet

@Suite struct PodLifecycleTests {
  private static func pod(_ spec: String = "") throws -> PodLifecycle {
    PodLifecycle(try Fixtures.manifest(spec: spec), at: .at(0))
  }

  private static let two = "  - name: beside\n    image: nginx:1"

  /// A pod whose container runs from second 1.
  private static func running(_ spec: String = "") throws -> PodLifecycle {
    var pod = try Self.pod(spec)
    _ = pod.handle(.woke, at: .at(0))
    _ = pod.handle(.containerStarted("main"), at: .at(1))
    return pod
  }

  @Test func goesFromPendingToRunning() throws {
    var pod = try Self.pod(Self.two)
    #expect(
      pod.handle(.woke, at: .at(0)) == [
        .startContainer("main", attempt: 0), .startContainer("beside", attempt: 0),
      ])
    #expect(pod.phase == .pending)
    #expect(pod.handle(.containerStarted("main"), at: .at(1)) == [])
    #expect(pod.phase == .pending)
    #expect(!pod.isReady)
    #expect(pod.handle(.containerStarted("beside"), at: .at(2)) == [])
    #expect(pod.phase == .running)
    #expect(pod.isReady)
    #expect(pod.readinessChangedAt == .at(2))
    #expect(pod.handle(.woke, at: .at(3)) == [])
  }

  @Test func terminationAsksFirstAndKillsAfterTheGrace() throws {
    var pod = try Self.running("  terminationGracePeriodSeconds: 5")
    #expect(pod.handle(.removed, at: .at(10)) == [.signal(.terminate, "main"), .wake(at: .at(15))])
    #expect(pod.isTerminating)
    #expect(pod.handle(.woke, at: .at(14.999)) == [])
    #expect(pod.handle(.woke, at: .at(15)) == [.signal(.kill, "main")])
    #expect(pod.handle(.woke, at: .at(16)) == [])
    #expect(pod.handle(.containerExited("main", code: 137), at: .at(17)) == [.ended])
    #expect(pod.handle(.woke, at: .at(18)) == [])
  }

  @Test func endsWithTheLastContainerAndStartsNoneWhileTerminating() throws {
    var pod = try Self.pod(Self.two)
    _ = pod.handle(.woke, at: .at(0))
    _ = pod.handle(.containerStarted("main"), at: .at(1))
    #expect(
      pod.handle(.removed, at: .at(2)) == [
        .signal(.terminate, "main"), .signal(.terminate, "beside"), .wake(at: .at(32)),
      ])
    #expect(pod.handle(.containerExited("beside", code: 143), at: .at(3)) == [])
    #expect(pod.handle(.containerExited("main", code: 0), at: .at(4)) == [.ended])
  }

  @Test func aSecondRemovalChangesNothing() throws {
    var pod = try Self.running()
    _ = pod.handle(.removed, at: .at(2))
    #expect(pod.handle(.removed, at: .at(20)) == [])
    #expect(pod.killAt == .at(32))
  }

  @Test func restartsWithTheRealDelays() throws {
    var pod = try Self.running()
    var now = 1.0
    for (attempt, delay) in [0.0, 10, 20, 40, 80, 160, 300, 300].enumerated() {
      now += 1
      let effects = pod.handle(.containerExited("main", code: 1), at: .at(now))
      if delay > 0 {
        #expect(effects == [.wake(at: .at(now + delay))])
        #expect(pod.phase == .running)
        #expect(!pod.isReady)
        now += delay
        #expect(pod.handle(.woke, at: .at(now)) == [.startContainer("main", attempt: attempt + 1)])
      } else {
        #expect(effects == [.startContainer("main", attempt: attempt + 1)])
      }
      #expect(pod.containers.map(\.restartCount) == [attempt + 1])
      _ = pod.handle(.containerStarted("main"), at: .at(now))
      #expect(pod.isReady)
    }
  }

  @Test func backOffBeginsAnewAfterTenMinutes() throws {
    var pod = try Self.running()
    _ = pod.handle(.containerExited("main", code: 1), at: .at(2))
    _ = pod.handle(.containerStarted("main"), at: .at(2))
    #expect(pod.handle(.containerExited("main", code: 1), at: .at(602)) == [.wake(at: .at(612))])
    _ = pod.handle(.woke, at: .at(612))
    _ = pod.handle(.containerStarted("main"), at: .at(612))
    #expect(
      pod.handle(.containerExited("main", code: 1), at: .at(1213))
        == [.startContainer("main", attempt: 3)])
  }

  @Test func removalEndsAWaitForARestart() throws {
    var pod = try Self.running()
    _ = pod.handle(.containerExited("main", code: 1), at: .at(2))
    _ = pod.handle(.containerExited("main", code: 1), at: .at(3))
    #expect(pod.handle(.removed, at: .at(4)) == [.ended])
  }

  @Test(arguments: [
    ("Always", Int32(0), true, PodLifecycle.Phase.running), ("Always", 1, true, .running),
    ("OnFailure", 0, false, .succeeded), ("OnFailure", 1, true, .running),
    ("Never", 0, false, .succeeded), ("Never", 3, false, .failed),
  ])
  func thePolicyDecidesOnRestarts(
    policy: String, code: Int32, isRestarted: Bool, phase: PodLifecycle.Phase
  ) throws {
    var pod = try Self.running("  restartPolicy: \(policy)")
    let effects = pod.handle(.containerExited("main", code: code), at: .at(2))
    #expect(effects == (isRestarted ? [.startContainer("main", attempt: 1)] : []))
    #expect(pod.phase == phase)
    if !isRestarted { #expect(pod.handle(.removed, at: .at(3)) == [.ended]) }
  }

  // MARK: deadline

  private static func limited(_ seconds: Int, grace: Int = 5, image: String = "nginx:1")
    throws -> PodManifest
  {
    try Fixtures.manifest(
      uid: "term-1", image: image,
      spec: "  activeDeadlineSeconds: \(seconds)\n  terminationGracePeriodSeconds: \(grace)")
  }

  /// A pod with a deadline that starts at second 0; its container runs from second 1.
  private static func runningLimited(_ seconds: Int) throws -> PodLifecycle {
    var pod = PodLifecycle(try Self.limited(seconds), at: .at(0))
    #expect(
      pod.handle(.woke, at: .at(0)) == [
        .startContainer("main", attempt: 0), .wake(at: .at(Double(seconds))),
      ])
    _ = pod.handle(.containerStarted("main"), at: .at(1))
    return pod
  }

  @Test func atItsDeadlineAPodFailsAndIsStoppedWithItsGrace() throws {
    var pod = try Self.runningLimited(60)
    #expect(pod.handle(.woke, at: .at(59.999)) == [])
    #expect(pod.phase == .running)
    #expect(
      pod.handle(.woke, at: .at(60)) == [
        .report(.deadlineExceeded), .signal(.terminate, "main"), .wake(at: .at(65)),
      ])
    #expect(pod.phase == .failed)
    #expect(!pod.isFinished)
    #expect(pod.handle(.woke, at: .at(65)) == [.signal(.kill, "main")])
    #expect(pod.handle(.containerExited("main", code: 137), at: .at(66)) == [])
    #expect(pod.isFinished)
    #expect(pod.handle(.woke, at: .at(1000)) == [])
    let status = pod.status(clock: Fixtures.clock, runtime: "pretend")
    #expect(status["phase"] == "Failed")
    #expect(status["reason"] == "DeadlineExceeded")
    #expect(
      status["message"] == "Pod was active on the node longer than the specified deadline")
    let main = try #require(status["containerStatuses"]?.elements.first)
    #expect(main["state"]?["terminated"]?["exitCode"] == 137)
    let ready = status["conditions"]?.elements.first { $0["type"] == "Ready" }
    #expect(ready?["status"] == "False")
    #expect(ready?["reason"] == "PodFailed")
    #expect(pod.handle(.removed, at: .at(1001)) == [.ended])
  }

  @Test func theDeadlineCountsFromWhenThePodWasTakenUpThoughNothingRanYet() throws {
    var pod = PodLifecycle(try Self.limited(10), at: .at(100))
    _ = pod.handle(.woke, at: .at(100))
    #expect(
      pod.handle(.woke, at: .at(110)) == [
        .report(.deadlineExceeded), .signal(.terminate, "main"), .wake(at: .at(115)),
      ])
    #expect(pod.handle(.containerExited("main", code: 143), at: .at(110)) == [])
    #expect(pod.isFinished)
  }

  @Test func aDeadlineEndsAWaitForARestart() throws {
    var pod = try Self.runningLimited(8)
    _ = pod.handle(.containerExited("main", code: 1), at: .at(2))
    _ = pod.handle(.containerExited("main", code: 1), at: .at(3))
    #expect(pod.handle(.woke, at: .at(8)) == [.report(.deadlineExceeded)])
    #expect(pod.isFinished)
    #expect(pod.handle(.woke, at: .at(13)) == [])
  }

  @Test func aPodThatHasEndedByItselfDoesNotFailAtItsDeadline() throws {
    let manifest = try Fixtures.manifest(
      spec: "  activeDeadlineSeconds: 10\n  restartPolicy: Never")
    var pod = PodLifecycle(manifest, at: .at(0))
    _ = pod.handle(.woke, at: .at(0))
    _ = pod.handle(.containerStarted("main"), at: .at(1))
    _ = pod.handle(.containerExited("main", code: 0), at: .at(2))
    #expect(pod.handle(.woke, at: .at(10)) == [])
    #expect(pod.phase == .succeeded)
    #expect(pod.isFinished)
  }

  @Test func aLaterDeadlineProlongsAndAnEarlierOneShortens() throws {
    var pod = try Self.runningLimited(30)
    for renewal in 1...5 {
      let now = Double(renewal * 20)
      #expect(pod.handle(.updated(try Self.limited(renewal * 20 + 30)), at: .at(now)) == [])
      // One wake-up is enough for any number of renewals.
      if renewal == 1 {
        #expect(pod.handle(.woke, at: .at(30)) == [.wake(at: .at(50))])
      }
      if renewal == 2 {
        #expect(pod.handle(.woke, at: .at(50)) == [.wake(at: .at(70))])
      }
    }
    #expect(pod.deadline == .at(130))
    #expect(pod.handle(.updated(try Self.limited(105, grace: 9)), at: .at(101)) == [])
    #expect(
      pod.handle(.woke, at: .at(105)) == [
        .report(.deadlineExceeded), .signal(.terminate, "main"), .wake(at: .at(114)),
      ])
  }

  @Test func aDeadlineThatIsAlreadyPastEndsThePodAtOnce() throws {
    var pod = try Self.runningLimited(600)
    #expect(
      pod.handle(.updated(try Self.limited(20)), at: .at(50)) == [
        .report(.deadlineExceeded), .signal(.terminate, "main"), .wake(at: .at(55)),
      ])
  }

  @Test func aFailedPodStaysFailedWhateverIsWrittenLater() throws {
    var pod = try Self.runningLimited(30)
    _ = pod.handle(.woke, at: .at(30))
    #expect(pod.handle(.updated(try Self.limited(900, image: "nginx:2")), at: .at(31)) == [])
    #expect(pod.handle(.containerExited("main", code: 143), at: .at(32)) == [])
    #expect(pod.handle(.updated(try Self.limited(9000)), at: .at(33)) == [])
    let more = try Fixtures.manifest(uid: "term-1", spec: Self.two)
    #expect(pod.handle(.updated(more), at: .at(34)) == [])
    #expect(pod.handle(.woke, at: .at(100)) == [])
    #expect(pod.phase == .failed)
    #expect(pod.isFinished)
  }

  // MARK: update

  @Test func anotherImageRestartsTheContainerWhateverThePolicySays() throws {
    for policy in ["Always", "OnFailure", "Never"] {
      func manifest(_ image: String, _ spec: String = "") throws -> PodManifest {
        try Fixtures.manifest(
          uid: "u", image: image,
          spec: "\(spec)\n  restartPolicy: \(policy)\n  terminationGracePeriodSeconds: 5")
      }
      var pod = PodLifecycle(try manifest("nginx:1"), at: .at(0))
      _ = pod.handle(.woke, at: .at(0))
      _ = pod.handle(.containerStarted("main"), at: .at(1))
      let other = "    env:\n    - {name: COLOUR, value: blue}"
      #expect(pod.handle(.updated(try manifest("nginx:1", other)), at: .at(2)) == [])
      #expect(
        pod.handle(.updated(try manifest("nginx:2")), at: .at(3)) == [
          .signal(.terminate, "main"), .wake(at: .at(8)),
        ])
      #expect(pod.containers.map(\.image) == ["nginx:1"])
      #expect(pod.handle(.woke, at: .at(8)) == [.signal(.kill, "main")])
      #expect(
        pod.handle(.containerExited("main", code: 137), at: .at(9)) == [
          .startContainer("main", attempt: 1)
        ])
      #expect(pod.containers.map(\.image) == ["nginx:2"])
      #expect(pod.handle(.containerStarted("main"), at: .at(10)) == [])
      #expect(pod.isReady)
      #expect(pod.handle(.woke, at: .at(100)) == [])
    }
  }

  @Test func anotherImageEndsABackOff() throws {
    var pod = try Self.running()
    _ = pod.handle(.containerExited("main", code: 1), at: .at(2))
    _ = pod.handle(.containerExited("main", code: 1), at: .at(3))
    let fixed = try Fixtures.manifest(image: "nginx:2")
    #expect(pod.handle(.updated(fixed), at: .at(4)) == [.startContainer("main", attempt: 2)])
  }

  @Test func containersComeAndGoWithTheManifest() throws {
    var pod = try Self.running()
    let both = try Fixtures.manifest(spec: Self.two)
    let one = try Fixtures.manifest()
    #expect(pod.handle(.updated(both), at: .at(2)) == [.startContainer("beside", attempt: 0)])
    _ = pod.handle(.containerStarted("beside"), at: .at(3))
    #expect(
      pod.handle(.updated(one), at: .at(4)) == [.signal(.terminate, "beside"), .wake(at: .at(34))])
    #expect(pod.isReady)
    #expect(pod.listed.map(\.name) == ["main"])
    // Another pod of its name waits for its end.
    #expect(pod.handle(.updated(both), at: .at(5)) == [])
    #expect(
      pod.handle(.containerExited("beside", code: 143), at: .at(6)) == [
        .startContainer("beside", attempt: 1)
      ])
    _ = pod.handle(.updated(one), at: .at(7))
    #expect(pod.handle(.removed, at: .at(8)) == [.signal(.terminate, "main")])
    #expect(pod.handle(.containerExited("beside", code: 143), at: .at(9)) == [])
    #expect(pod.containers.map(\.name) == ["main"])
    #expect(pod.handle(.containerExited("main", code: 143), at: .at(9)) == [.ended])
  }

  // MARK: status

  @Test func statusesAreSortedByName() throws {
    let pod = try Self.pod(Self.two)
    let statuses = pod.status(clock: Fixtures.clock, runtime: "pretend")["containerStatuses"]
    #expect(statuses?.elements.map { $0["name"] } == ["beside", "main"])
    #expect(statuses?.elements.first?["state"] == ["waiting": ["reason": "ContainerCreating"]])
  }

  @Test func theStatusTellsOfABackOff() throws {
    var pod = try Self.running()
    _ = pod.handle(.containerExited("main", code: 2), at: .at(2))
    _ = pod.handle(.containerExited("main", code: 1), at: .at(3))
    let status = pod.status(clock: Fixtures.clock, runtime: "pretend")
    let main = try #require(status["containerStatuses"]?.elements.first)
    #expect(status["phase"] == "Running")
    #expect(main["restartCount"] == 1)
    #expect(main["ready"] == false)
    #expect(
      main["state"]?["waiting"] == [
        "reason": "CrashLoopBackOff",
        "message": .string(
          "back-off 10s restarting failed container=main "
            + "pod=web-kube-master1_default(\(pod.manifest.uid))"),
      ])
    let last = main["lastState"]?["terminated"]
    #expect(last?["exitCode"] == 1)
    #expect(last?["reason"] == "Error")
    #expect(last?["finishedAt"] == "2026-11-23T10:35:09Z")
    let ready = status["conditions"]?.elements.first { $0["type"] == "Ready" }
    #expect(ready?["status"] == "False")
    #expect(ready?["message"] == "containers with unready status: [main]")
  }

  @Test func timesAreRFC3339() {
    #expect(Fixtures.clock.seconds(.at(0)) == "2026-11-23T10:35:06Z")
    #expect(Fixtures.clock.nanoseconds(.at(0)) == "2026-11-23T10:35:06.269359600Z")
    #expect(Fixtures.clock.nanoseconds(.at(0.75)) == "2026-11-23T10:35:07.019359600Z")
  }
}
