extension PodLifecycle {
  /// Where the pod is, as kubectl's STATUS begins.
  public enum Phase: String, Equatable, Sendable {
    case pending = "Pending"
    case running = "Running"
    case succeeded = "Succeeded"
    case failed = "Failed"
  }

  /// Source: `pkg/kubelet/kubelet_pods.go` getPhase. A container that waits for its restart counts as
  /// ended, so such a pod is Running.
  public var phase: Phase {
    if self.hasExceededDeadline { return .failed }
    let containers = self.listed
    let neverStarted = containers.contains {
      ($0.state == .new || $0.state == .creating) && $0.lastTermination == nil
    }
    if neverStarted { return .pending }
    if containers.contains(where: { $0.state != .ended }) { return .running }
    let hasFailed = containers.contains { $0.lastTermination?.exitCode != 0 }
    return switch self.manifest.restartPolicy {
    case .always: .running
    case .onFailure: hasFailed ? .running : .succeeded
    case .never: hasFailed ? .failed : .succeeded
    }
  }

  /// `status` of a v1 Pod. Addresses are left out: a kubelet without an API server knows none.
  func status(clock: WallClock, runtime: String) -> JSONValue {
    let unready = self.listed.filter { !$0.isRunning }.map(\.name).sorted()
    let phase = self.phase
    let changedAt = clock.seconds(self.readinessChangedAt)
    func condition(_ type: String, _ isTrue: Bool, since time: String) -> JSONValue {
      var condition: JSONValue = [
        "type": .string(type), "status": isTrue ? "True" : "False", "lastProbeTime": nil,
        "lastTransitionTime": .string(time),
      ]
      guard !isTrue else { return condition }
      switch phase {
      case .succeeded: condition["reason"] = "PodCompleted"
      case .failed: condition["reason"] = "PodFailed"
      case .pending, .running:
        condition["reason"] = "ContainersNotReady"
        condition["message"] = .string(
          "containers with unready status: [\(unready.joined(separator: " "))]")
      }
      return condition
    }
    let startedAt = clock.seconds(self.startedAt)
    var status: JSONValue = [
      "phase": .string(phase.rawValue),
      "conditions": [
        condition("Initialized", true, since: startedAt),
        condition("Ready", self.isReady, since: changedAt),
        condition("ContainersReady", self.isReady, since: changedAt),
        condition("PodScheduled", true, since: startedAt),
      ],
      "startTime": .string(startedAt),
      "containerStatuses": .array(
        self.listed.sorted { $0.name < $1.name }
          .map { self.status(of: $0, clock: clock, runtime: runtime) }),
    ]
    if self.hasExceededDeadline {
      status["reason"] = .string(PodEvent.deadlineExceeded.reason)
      status["message"] = .string(PodEvent.deadlineExceeded.message)
    }
    return status
  }

  private func status(
    of container: Container, clock: WallClock, runtime: String
  ) -> JSONValue {
    var lastState = container.lastTermination.map {
      self.terminated($0, of: container, clock: clock, runtime: runtime)
    }
    let state: JSONValue
    switch container.state {
    case .new, .creating: state = ["waiting": ["reason": "ContainerCreating"]]
    case .running(let since): state = ["running": ["startedAt": .string(clock.seconds(since))]]
    case .backingOff(_, let delay) where delay > .zero:
      let pod = "\(self.manifest.name.name)_\(self.manifest.name.namespace)(\(self.manifest.uid))"
      let message =
        "back-off \(delay.components.seconds)s restarting failed container=\(container.name) "
        + "pod=\(pod)"
      state = ["waiting": ["reason": "CrashLoopBackOff", "message": .string(message)]]
    case .ended where lastState == nil: state = Self.neverStarted
    case .backingOff, .ended:
      state = lastState ?? [:]
      lastState = nil
    }
    return [
      "name": .string(container.name), "state": state, "lastState": lastState ?? [:],
      "ready": .boolean(container.isRunning), "started": .boolean(container.isRunning),
      "restartCount": .integer(Int64(container.restartCount)), "image": .string(container.image),
      "imageID": "",
      "containerID": container.state == .new || container.state == .creating
        ? "" : self.id(of: container, attempt: container.restartCount, runtime: runtime),
    ]
  }

  /// A container that the pod's end forestalled.
  private static let neverStarted: JSONValue = [
    "terminated": [
      "exitCode": 137, "reason": "ContainerStatusUnknown",
      "message": "The container could not be located when the pod was terminated",
      "startedAt": nil, "finishedAt": nil,
    ]
  ]

  private func terminated(
    _ run: Termination, of container: Container, clock: WallClock, runtime: String
  ) -> JSONValue {
    var state: JSONValue = [
      "exitCode": .integer(Int64(run.exitCode)),
      "reason": run.exitCode == 0 ? "Completed" : "Error",
      "finishedAt": .string(clock.seconds(run.finishedAt)),
      "containerID": self.id(of: container, attempt: run.attempt, runtime: runtime),
    ]
    state["startedAt"] = run.startedAt.map { .string(clock.seconds($0)) } ?? .null
    return ["terminated": state]
  }

  /// A container's id is 64 hexadecimal digits, another one for each start.
  private func id(of container: Container, attempt: Int, runtime: String) -> JSONValue {
    let run = "\(self.manifest.uid)/\(container.name)/\(attempt)"
    return .string("\(runtime)://\(PodUID.digest(run))\(PodUID.digest(run + "/"))")
  }
}
