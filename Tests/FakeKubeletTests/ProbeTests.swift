import Foundation
import Testing

@testable import FakeKubelet

/// The effect of probes on containers.
@Suite struct ProbeTests {
  private typealias Story = (pod: PodLifecycle, effects: [PodLifecycle.Effect])

  /// A pod with one container `main`, which has started at second 0.
  private static func started(_ probes: String, spec: String = "") throws -> Story {
    var pod = PodLifecycle(try Fixtures.manifest(uid: "u", spec: probes + "\n" + spec), at: .at(0))
    #expect(pod.handle(.woke, at: .at(0)) == [.startContainer("main", attempt: 0)])
    let effects = pod.handle(.containerStarted("main"), at: .at(0))
    return (pod, effects)
  }

  /// Runs a pod until `limit`, with immediate probe results; returns the effects with their seconds.
  private static func run(
    _ story: inout Story, until limit: Double, answer: (Probe.Kind, Double) -> ProbeResult
  ) -> [(Double, PodLifecycle.Effect)] {
    var log: [(Double, PodLifecycle.Effect)] = []
    var pending = story.effects
    var (now, next) = (0.0, Double.infinity)
    while true {
      while !pending.isEmpty {
        let effect = pending.removeFirst()
        log.append((now, effect))
        switch effect {
        case .wake(let instant): next = Double(instant.sinceStart / .milliseconds(1)) / 1000
        case .probe(let kind, let name, _, _):
          pending += story.pod.handle(.probed(kind, name, answer(kind, now)), at: .at(now))
        default: break
        }
      }
      guard next <= limit else { return log }
      (now, next) = (next, .infinity)
      pending = story.pod.handle(.woke, at: .at(now))
    }
  }

  private static func probes(_ log: [(Double, PodLifecycle.Effect)], _ kind: Probe.Kind) -> [Double]
  {
    log.compactMap { if case .probe(kind, _, _, _) = $1 { $0 } else { nil } }
  }

  private static func signals(_ log: [(Double, PodLifecycle.Effect)]) -> [Double] {
    log.compactMap { if case .signal = $1 { $0 } else { nil } }
  }

  @Test func whatAProbeLeavesOutIsTheAPIsDefault() throws {
    let manifest = try Fixtures.manifest(spec: "    livenessProbe: {httpGet: {port: 80}}")
    let probe = try #require(manifest.containers.first?.probes[.liveness])
    #expect((probe.initialDelay, probe.period, probe.timeout) == (.zero, .seconds(10), .seconds(1)))
    #expect((probe.successThreshold, probe.failureThreshold) == (1, 3))
    #expect(probe.gracePeriod == nil)
    #expect(
      probe.check
        == .action(
          .httpGet(.init(scheme: "HTTP", host: nil, port: .number(80), path: "/", headers: []))))
  }

  /// Source: the recipe's kube-scheduler.yaml.
  @Test func theRecipesSchedulerIsRestartedThirtyFiveSecondsAfterItsStart() throws {
    let text = try String(
      contentsOf: Fixtures.directory("seed").appending(path: "kube-scheduler.yaml"), encoding: .utf8
    )
    var pod = PodLifecycle(try Fixtures.manifest(text), at: .at(0))
    _ = pod.handle(.woke, at: .at(0))
    let first = pod.handle(.containerStarted("kube-scheduler"), at: .at(0))
    #expect(first == [.wake(at: .at(15))])
    var scheduler: Story = (pod, first)
    let log = Self.run(&scheduler, until: 100) { _, _ in
      .failure("HTTP probe failed with statuscode: 503")
    }
    #expect(Self.probes(log, .liveness) == [15, 25, 35])
    #expect(Self.signals(log) == [35, 65], "SIGTERM at the third failure, SIGKILL 30 s later")
    let reports = log.compactMap { if case .report(let event) = $1 { event.message } else { nil } }
    #expect(
      reports == Array(
        repeating: "Liveness probe failed: HTTP probe failed with statuscode: 503", count: 3)
        + ["Container kube-scheduler failed liveness probe, will be restarted"])
    #expect(
      scheduler.pod.handle(.containerExited("kube-scheduler", code: 137), at: .at(65))
        == [.startContainer("kube-scheduler", attempt: 1)])
    let again = scheduler.pod.handle(.containerStarted("kube-scheduler"), at: .at(66))
    #expect(again == [.wake(at: .at(81))], "the new run is left alone at first, too")
  }

  @Test func onlyFailuresInARowCount() throws {
    var main = try Self.started("    livenessProbe: {tcpSocket: {port: 1}}")
    let answers: [ProbeResult] = [
      .failure("x"), .failure("x"), .success, .failure("x"), .error("?"), .failure("x"),
      .failure("x"),
    ]
    let log = Self.run(&main, until: 60) { _, now in answers[Int(now / 10)] }
    #expect(Self.probes(log, .liveness) == [0, 10, 20, 30, 40, 50, 60])
    #expect(Self.signals(log) == [60], "an answer that could not be had counts neither way")
    let counts = try #require(main.pod.containers.first?.probes[.liveness]?.counts)
    #expect((counts.successful, counts.failed, counts.unknown) == (1, 5, 1))
  }

  @Test func readinessFollowsTheProbeAndRestartsNothing() throws {
    var main = try Self.started(
      "    readinessProbe: {tcpSocket: {port: 1}, periodSeconds: 1, successThreshold: 2, failureThreshold: 1}"
    )
    #expect(!main.pod.isReady, "not before it has been asked")
    var ready: [Bool] = []
    for second in 0...4 {
      var copy = main
      let log = Self.run(&copy, until: Double(second)) { _, now in
        now == 3 ? .failure("busy") : .success
      }
      ready.append(copy.pod.isReady)
      #expect(Self.signals(log) == [])
    }
    #expect(ready == [false, true, true, false, false])
    #expect(main.pod.phase == .running)
    main.effects = main.pod.handle(.removed, at: .at(0.5))
    #expect(main.effects.contains(.signal(.terminate, "main")))
  }

  @Test func readinessIsAskedUntilTheEndAndLivenessIsNot() throws {
    var main = try Self.started(
      "    readinessProbe: {tcpSocket: {port: 1}}\n    livenessProbe: {tcpSocket: {port: 1}}")
    _ = Self.run(&main, until: 0) { _, _ in .success }
    // The wake-up for the next probe is outstanding already.
    main.effects = main.pod.handle(.removed, at: .at(5)) + [.wake(at: .at(10))]
    let log = Self.run(&main, until: 25) { _, _ in .failure("gone") }
    #expect(Self.probes(log, .liveness) == [])
    #expect(Self.probes(log, .readiness) == [10, 20])
  }

  @Test func theOthersWaitForTheStartupProbe() throws {
    var main = try Self.started(
      """
          startupProbe: {tcpSocket: {port: 1}, periodSeconds: 2, failureThreshold: 9}
          readinessProbe: {tcpSocket: {port: 1}}
          livenessProbe: {tcpSocket: {port: 1}, initialDelaySeconds: 7}
      """)
    let status = main.pod.containers.first
    #expect(status?.isStarted == false)
    let log = Self.run(&main, until: 20) { kind, now in
      kind == .startup && now < 6 ? .failure("not yet") : .success
    }
    #expect(Self.probes(log, .startup) == [0, 2, 4, 6])
    #expect(Self.probes(log, .readiness) == [6, 16])
    #expect(Self.probes(log, .liveness) == [7, 17])
    #expect(main.pod.isReady)
  }

  @Test func aFailedStartupProbeEndsTheContainerWithinItsOwnGracePeriod() throws {
    var main = try Self.started(
      """
          startupProbe:
            {exec: {command: [up]}, periodSeconds: 1, failureThreshold: 2, terminationGracePeriodSeconds: 4}
      """)
    let log = Self.run(&main, until: 40) { _, _ in .failure("no") }
    #expect(Self.signals(log) == [1, 5])
  }

  @Test(arguments: [
    ("Always", true), ("OnFailure", true), ("Never", false),
  ])
  func whatAProbeHasEndedIsStartedAgainUnlessThePolicyIsNever(
    policy: String, startsAgain: Bool
  ) throws {
    var main = try Self.started(
      "    livenessProbe: {exec: {command: [up]}, failureThreshold: 1}",
      spec: "  restartPolicy: \(policy)")
    _ = Self.run(&main, until: 0) { _, _ in .failure("no") }
    main.effects = main.pod.handle(.containerExited("main", code: 0), at: .at(1))
    #expect(main.effects.contains(.startContainer("main", attempt: 1)) == startsAgain)
  }

  @Test func aPostStartHookThatFailsRestartsTheContainer() throws {
    var main = try Self.started(
      "    lifecycle: {postStart: {exec: {command: [warm-up]}}}")
    #expect(main.effects == [.runHook(.postStart, "main", .exec(["warm-up"]))])
    main.effects = main.pod.handle(
      .hookEnded(.postStart, "main", failure: "exit code 1"), at: .at(1))
    #expect(main.effects.contains(.report(.failedPostStart("exit code 1").about("main"))))
    #expect(main.effects.contains(.signal(.terminate, "main")))
  }

  @Test func anAnswerAboutAFormerRunIsNotHeard() throws {
    let manifest = try Fixtures.manifest(
      spec: "    livenessProbe: {exec: {command: [up]}, failureThreshold: 1}")
    var workers = PodWorkers()
    let first = try #require(workers.handle(.changed(added: [manifest]), at: .at(0)).started)
    _ = workers.handle(.containerStarted(first), at: .at(0))
    let second = try #require(workers.handle(.containerExited(first, code: 1), at: .at(1)).started)
    _ = workers.handle(.containerStarted(second), at: .at(2))
    #expect(workers.handle(.probed(.liveness, first, .failure("late")), at: .at(3)) == [])
    #expect(!workers.handle(.probed(.liveness, second, .failure("dead")), at: .at(3)).isEmpty)
  }

  @Test func pretendedContainersAnswerAsTheyAreTold() throws {
    let manifest = try Fixtures.manifest(annotations: [
      "pretend.zweimaster.dev/ready-after": "2s",
      "pretend.zweimaster.dev/fail-readiness-at": "9s",
      "pretend.zweimaster.dev/fail-liveness-at.main": "5s",
      "pretend.zweimaster.dev/started-after": "1s",
    ])
    let behaviour = manifest.pretendBehaviour(of: "main")
    func isGood(_ kind: Probe.Kind, _ seconds: Int) -> Bool {
      behaviour.answer(kind, runningFor: .seconds(seconds)) == .success
    }
    #expect([0, 1, 9].map { isGood(.startup, $0) } == [false, true, true])
    #expect([1, 2, 8, 9].map { isGood(.readiness, $0) } == [false, true, true, false])
    #expect([0, 4, 5].map { isGood(.liveness, $0) } == [true, true, false])
  }

  @Test func aPretendedPodBecomesReadyAndIsRestartedByItsProbes() async throws {
    try await withDirectory { directory in
      let spec = """
            readinessProbe: {tcpSocket: {port: 1}, periodSeconds: 1}
            livenessProbe: {tcpSocket: {port: 1}, periodSeconds: 1, failureThreshold: 1}
        """
      let text = Fixtures.pod(
        annotations: [
          "pretend.zweimaster.dev/ready-after": "1s",
          "pretend.zweimaster.dev/fail-liveness-at": "2s",
        ], spec: spec)
      try Data(text.utf8).write(to: directory.appending(path: "web.yaml"))
      try await FakeKubelet.withPods(of: directory.path) { kubelet in
        var seen: [String] = []
        for await change in kubelet.changes {
          let pod = change.pod
          seen.append("\(pod.restarts) \(pod.isReady) \(pod.running)")
          if pod.restarts == 1, pod.isReady { break }
        }
        #expect(seen.contains("0 false [\"main\"]"))
        #expect(seen.contains("0 true [\"main\"]"))
        #expect(seen.contains("1 false [\"main\"]"))
        #expect(seen.last == "1 true [\"main\"]")
      }
    }
  }

  @Test func aScriptCountsMoreThanTheAnnotations() throws {
    let manifest = try Fixtures.manifest(annotations: [
      "pretend.zweimaster.dev/exit-after": "1m", "pretend.zweimaster.dev/start-after": "2s",
    ])
    let script = try PretendScript(
      decoding: Array("web: {exit-after: 3s, exit-code.main: 4}\n".utf8), path: "/s.yaml")
    let behaviour = script.behaviour(of: "main", in: manifest)
    #expect(behaviour.exitAfter == .seconds(3))
    #expect(behaviour.exitCode == 4)
    #expect(behaviour.startAfter == .seconds(2))
    let other = try PretendScript(decoding: Array("db: {exit-after: 3s}".utf8), path: "/s.yaml")
    #expect(other.behaviour(of: "main", in: manifest).exitAfter == .seconds(60))
  }

  @Test(arguments: [
    ("web: {exit-when: 3s}", "/s.yaml: web.exit-when: unknown setting"),
    ("web: {exit-after: soon}", "/s.yaml: web.exit-after: "),
    ("- web", "/s.yaml: it must be a map of pods, not a array"),
    ("web: 3", "/s.yaml: web: it must be a map of settings, not a number"),
    ("web: [", "/s.yaml: "),
  ])
  func aScriptThatIsWrongIsRefusedWithItsPlace(text: String, message: String) {
    #expect {
      try PretendScript(decoding: Array(text.utf8), path: "/s.yaml")
    } throws: { "\($0)".hasPrefix(message) }
  }
}
