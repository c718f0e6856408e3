import Foundation
import Testing

@testable import FakeKubelet

/// The effect of probes on containers.
@Suite struct ProbeTests {
  private static func at(_ seconds: Double) -> KubeletInstant {
    KubeletInstant(sinceStart: .milliseconds(Int64(seconds * 1000)))
  }

  /// A pod with one container `main`, which has started at second 0.
  private static func started(_ probes: String, spec: String = "") throws -> (
    pod: PodLifecycle, effects: [PodLifecycle.Effect]
  ) {
    var pod = PodLifecycle(
      try Fixtures.manifest(Fixtures.pod(uid: "u", spec: probes + "\n" + spec)), at: Self.at(0))
    #expect(pod.handle(.woke, at: Self.at(0)) == [.startContainer("main", attempt: 0)])
    let effects = pod.handle(.containerStarted("main"), at: Self.at(0))
    return (pod, effects)
  }

  /// Runs a pod until `limit`, with immediate probe results; returns the effects with their seconds.
  private static func run(
    _ pod: inout PodLifecycle, _ effects: [PodLifecycle.Effect], until limit: Double,
    answer: (Probe.Kind, Double) -> ProbeResult
  ) -> [(Double, PodLifecycle.Effect)] {
    var log: [(Double, PodLifecycle.Effect)] = []
    var pending = effects
    var (now, next) = (0.0, Double.infinity)
    while true {
      while !pending.isEmpty {
        let effect = pending.removeFirst()
        log.append((now, effect))
        switch effect {
        case .wake(let instant): next = Double(instant.sinceStart / .milliseconds(1)) / 1000
        case .probe(let kind, let name, _, _):
          pending += pod.handle(.probed(kind, name, answer(kind, now)), at: Self.at(now))
        default: break
        }
      }
      guard next <= limit else { return log }
      (now, next) = (next, .infinity)
      pending = pod.handle(.woke, at: Self.at(now))
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
    let manifest = try Fixtures.manifest(
      Fixtures.pod(spec: "    livenessProbe: {httpGet: {port: 80}}"))
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
    var pod = PodLifecycle(try Fixtures.manifest(text), at: Self.at(0))
    _ = pod.handle(.woke, at: Self.at(0))
    let first = pod.handle(.containerStarted("kube-scheduler"), at: Self.at(0))
    #expect(first == [.wake(at: Self.at(15))])
    let log = Self.run(&pod, first, until: 100) { _, _ in
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
      pod.handle(.containerExited("kube-scheduler", code: 137), at: Self.at(65))
        == [.startContainer("kube-scheduler", attempt: 1)])
    let again = pod.handle(.containerStarted("kube-scheduler"), at: Self.at(66))
    #expect(again == [.wake(at: Self.at(81))], "the new run is left alone at first, too")
  }

  @Test func onlyFailuresInARowCount() throws {
    var (pod, effects) = try Self.started("    livenessProbe: {tcpSocket: {port: 1}}")
    let answers: [ProbeResult] = [
      .failure("x"), .failure("x"), .success, .failure("x"), .error("?"), .failure("x"),
      .failure("x"),
    ]
    let log = Self.run(&pod, effects, until: 60) { _, now in answers[Int(now / 10)] }
    #expect(Self.probes(log, .liveness) == [0, 10, 20, 30, 40, 50, 60])
    #expect(Self.signals(log) == [60], "an answer that could not be had counts neither way")
    effects = []
    let counts = try #require(pod.containers.first?.probes[.liveness]?.counts)
    #expect((counts.successful, counts.failed, counts.unknown) == (1, 5, 1))
  }

  @Test func readinessFollowsTheProbeAndRestartsNothing() throws {
    var (pod, effects) = try Self.started(
      "    readinessProbe: {tcpSocket: {port: 1}, periodSeconds: 1, successThreshold: 2, failureThreshold: 1}"
    )
    #expect(!pod.isReady, "not before it has been asked")
    var ready: [Bool] = []
    for second in 0...4 {
      var copy = pod
      let log = Self.run(&copy, effects, until: Double(second)) { _, now in
        now == 3 ? .failure("busy") : .success
      }
      ready.append(copy.isReady)
      #expect(Self.signals(log) == [])
    }
    #expect(ready == [false, true, true, false, false])
    #expect(pod.phase == .running)
    effects = pod.handle(.removed, at: Self.at(0.5))
    #expect(effects.contains(.signal(.terminate, "main")))
  }

  @Test func readinessIsAskedUntilTheEndAndLivenessIsNot() throws {
    var (pod, effects) = try Self.started(
      "    readinessProbe: {tcpSocket: {port: 1}}\n    livenessProbe: {tcpSocket: {port: 1}}")
    _ = Self.run(&pod, effects, until: 0) { _, _ in .success }
    // The wake-up for the next probe is outstanding already.
    effects = pod.handle(.removed, at: Self.at(5)) + [.wake(at: Self.at(10))]
    let log = Self.run(&pod, effects, until: 25) { _, _ in .failure("gone") }
    #expect(Self.probes(log, .liveness) == [])
    #expect(Self.probes(log, .readiness) == [10, 20])
  }

  @Test func theOthersWaitForTheStartupProbe() throws {
    var (pod, effects) = try Self.started(
      """
          startupProbe: {tcpSocket: {port: 1}, periodSeconds: 2, failureThreshold: 9}
          readinessProbe: {tcpSocket: {port: 1}}
          livenessProbe: {tcpSocket: {port: 1}, initialDelaySeconds: 7}
      """)
    let status = pod.containers.first
    #expect(status?.isStarted == false)
    let log = Self.run(&pod, effects, until: 20) { kind, now in
      kind == .startup && now < 6 ? .failure("not yet") : .success
    }
    effects = []
    #expect(Self.probes(log, .startup) == [0, 2, 4, 6])
    #expect(Self.probes(log, .readiness) == [6, 16])
    #expect(Self.probes(log, .liveness) == [7, 17])
    #expect(pod.isReady)
  }

  @Test func aFailedStartupProbeEndsTheContainerWithinItsOwnGracePeriod() throws {
    var (pod, effects) = try Self.started(
      """
          startupProbe:
            {exec: {command: [up]}, periodSeconds: 1, failureThreshold: 2, terminationGracePeriodSeconds: 4}
      """)
    let log = Self.run(&pod, effects, until: 40) { _, _ in .failure("no") }
    effects = []
    #expect(Self.signals(log) == [1, 5])
  }

  @Test(arguments: [
    ("Always", true), ("OnFailure", true), ("Never", false),
  ])
  func whatAProbeHasEndedIsStartedAgainUnlessThePolicyIsNever(
    policy: String, startsAgain: Bool
  ) throws {
    var (pod, effects) = try Self.started(
      "    livenessProbe: {exec: {command: [up]}, failureThreshold: 1}",
      spec: "  restartPolicy: \(policy)")
    _ = Self.run(&pod, effects, until: 0) { _, _ in .failure("no") }
    effects = pod.handle(.containerExited("main", code: 0), at: Self.at(1))
    #expect(effects.contains(.startContainer("main", attempt: 1)) == startsAgain)
  }

  @Test func aPostStartHookThatFailsRestartsTheContainer() throws {
    var (pod, effects) = try Self.started(
      "    lifecycle: {postStart: {exec: {command: [warm-up]}}}")
    #expect(effects == [.runHook(.postStart, "main", .exec(["warm-up"]))])
    effects = pod.handle(.hookEnded(.postStart, "main", failure: "exit code 1"), at: Self.at(1))
    #expect(effects.contains(.report(.failedPostStart("exit code 1").about("main"))))
    #expect(effects.contains(.signal(.terminate, "main")))
  }

  @Test func anAnswerAboutAFormerRunIsNotHeard() throws {
    let manifest = try Fixtures.manifest(
      Fixtures.pod(spec: "    livenessProbe: {exec: {command: [up]}, failureThreshold: 1}"))
    var workers = PodWorkers()
    func ids(_ effects: [PodWorkers.Effect]) -> [ContainerID] {
      effects.compactMap { if case .startContainer(let id, _) = $0 { id } else { nil } }
    }
    let first = try #require(
      ids(workers.handle(.changed(removed: [], added: [manifest]), at: Self.at(0))).first)
    _ = workers.handle(.containerStarted(first), at: Self.at(0))
    let second = try #require(
      ids(workers.handle(.containerExited(first, code: 1), at: Self.at(1))).first)
    _ = workers.handle(.containerStarted(second), at: Self.at(2))
    #expect(workers.handle(.probed(.liveness, first, .failure("late")), at: Self.at(3)) == [])
    #expect(
      !workers.handle(.probed(.liveness, second, .failure("dead")), at: Self.at(3)).isEmpty)
  }

  @Test func pretendedContainersAnswerAsTheyAreTold() throws {
    let manifest = try Fixtures.manifest(
      Fixtures.pod(annotations: [
        "pretend.zweimaster.dev/ready-after": "2s",
        "pretend.zweimaster.dev/fail-readiness-at": "9s",
        "pretend.zweimaster.dev/fail-liveness-at.main": "5s",
        "pretend.zweimaster.dev/started-after": "1s",
      ]))
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
    let manifest = try Fixtures.manifest(
      Fixtures.pod(annotations: [
        "pretend.zweimaster.dev/exit-after": "1m", "pretend.zweimaster.dev/start-after": "2s",
      ]))
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
