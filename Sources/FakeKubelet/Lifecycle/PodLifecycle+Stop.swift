/// The end of containers and of the pod.
extension PodLifecycle {
  /// Begins the pod's termination. It never extends a grace period that is running.
  /// - Parameter gracePeriod: `nil` for the manifest's, which applies only when none is running.
  mutating func terminate(at now: KubeletInstant, gracePeriod: Duration? = nil) {
    guard self.killAt == nil || gracePeriod != nil else { return }
    let period = max(gracePeriod ?? self.manifest.gracePeriod, PodManifest.minimumGracePeriod)
    let killAt = min(now + period, self.killAt ?? now + period)
    self.killAt = killAt
    for index in self.containers.indices {
      if self.containers[index].isAlive {
        let sequel = self.containers[index].stop?.sequel ?? .startAgain
        self.containers[index].end(by: killAt, then: sequel)
      } else {
        self.containers[index].state = .ended
      }
    }
  }

  /// Gives a pod that is terminating more time.
  mutating func prolong(until instant: KubeletInstant) {
    guard let killAt = self.killAt else { return }
    self.killAt = max(killAt, instant)
    for index in self.containers.indices {
      guard let stop = self.containers[index].stop else { continue }
      self.containers[index].stop?.killAt = max(stop.killAt, instant)
    }
  }

  /// Stops a container that has failed a probe or hook; the back-off decides when it starts again.
  mutating func restart(
    _ name: String, gracePeriod: Duration?, because reason: String, at now: KubeletInstant
  ) -> [Effect] {
    guard !self.isTerminating else { return [] }
    let killAt = now + (gracePeriod ?? self.manifest.gracePeriod)
    var isStopped = false
    self.update(name) { container in
      guard container.isRunning, container.stop == nil else { return }
      container.end(by: killAt, then: .restart)
      isStopped = true
    }
    let sequel = self.manifest.restartPolicy == .never ? "" : ", will be restarted"
    let event = PodEvent.killing("Container \(name) \(reason)\(sequel)").about(name)
    return isStopped ? [.report(event)] : []
  }

  /// Takes each stop one step further: hook, SIGTERM, SIGKILL.
  mutating func stop(now: KubeletInstant) -> [Effect] {
    var effects: [Effect] = []
    for index in self.containers.indices where self.containers[index].isAlive {
      guard var stop = self.containers[index].stop else { continue }
      let container = self.containers[index]
      if stop.step == .requested {
        guard !self.isNeeded(index) || stop.killAt <= now else { continue }
        let hook = self.manifest.container(named: container.name)?.preStop
        switch container.isRunning ? hook : nil {
        case .sleep(let duration): stop.step = .hook(until: now + duration)
        case .action(let action):
          stop.step = .hook(until: stop.killAt)
          effects.append(.runHook(.preStop, container.name, action))
        case nil: stop.step = .hook(until: now)
        }
      }
      switch stop.step {
      case .hook where stop.due.map { $0 <= now } ?? false:
        stop.step = .terminated
        // The container gets this much even when the hook has used up the grace period.
        stop.killAt = max(stop.killAt, now + PodManifest.minimumGracePeriod)
        effects.append(.signal(.terminate, container.name))
      case .terminated where stop.killAt <= now:
        stop.step = .killed
        effects.append(.signal(.kill, container.name))
      case .requested, .hook, .terminated, .killed: break
      }
      self.containers[index].stop = stop
    }
    return effects
  }

  /// Whether a sidecar of a terminating pod keeps running, since a container after it has not ended yet.
  /// It then has the rest of the pod's grace period.
  private func isNeeded(_ index: Int) -> Bool {
    self.isTerminating && self.containers[index].role == .sidecar
      && self.containers[(index + 1)...].contains { $0.isAlive && $0.role != .initial }
  }
}
