/// Probes and their verdicts.
extension PodLifecycle {
  /// The kinds of probes that apply to a container now.
  func activeProbes(of container: Container) -> [Probe.Kind] {
    guard container.isRunning else { return [] }
    let mayRestart = !self.isTerminating && container.stop == nil
    guard container.isStarted else { return mayRestart ? [.startup] : [] }
    return mayRestart ? [.liveness, .readiness] : [.readiness]
  }

  mutating func probe(now: KubeletInstant) -> [Effect] {
    var effects: [Effect] = []
    for index in self.containers.indices {
      for kind in self.activeProbes(of: self.containers[index]) {
        guard self.containers[index].probes[kind]?.start(at: now) == true,
          let probe = self.containers[index].probes[kind]?.probe,
          case .running(let since) = self.containers[index].state
        else { continue }
        effects.append(
          .probe(kind, self.containers[index].name, probe, runningFor: now - since))
      }
    }
    return effects
  }

  /// Records a probe's result; restarts a container whose liveness or startup probe has failed.
  mutating func record(
    _ kind: Probe.Kind, of name: String, _ result: ProbeResult, at now: KubeletInstant
  ) -> [Effect] {
    var verdict: ProbeWorker.Verdict?
    var gracePeriod: Duration?
    self.update(name) { container in
      guard container.isRunning else { return }
      container.probes[kind]?.record(result)
      verdict = container.probes[kind]?.verdict
      gracePeriod = container.probes[kind]?.probe.gracePeriod
    }
    guard let verdict else { return [] }
    let effects = PodEvent.unhealthy(kind, result).map { [Effect.report($0.about(name))] } ?? []
    guard kind != .readiness, verdict == .failure else { return effects }
    return effects
      + self.restart(
        name, gracePeriod: gracePeriod, because: "failed \(kind.rawValue.lowercased()) probe",
        at: now)
  }
}
