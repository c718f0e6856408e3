import KubernetesObjects

extension PodLifecycle {
  /// The pod's phase. Source: `k8s.io/api/core/v1/types.go` PodPhase.
  public enum Phase: String, Equatable, Sendable {
    case pending = "Pending"
    case running = "Running"
    case succeeded = "Succeeded"
    case failed = "Failed"
  }

  /// Source: `pkg/kubelet/kubelet_pods.go` getPhase. A pod with a container that waits for its
  /// restart is Running.
  package var phase: Phase {
    if self.hasExceededDeadline { return .failed }
    if self.isDeleted, !self.containers.contains(where: \.isAlive) {
      let main = self.listed.filter { $0.role == .main }
      return main.allSatisfy { $0.lastTermination?.exitCode == 0 } ? .succeeded : .failed
    }
    let policy = self.manifest.restartPolicy
    if policy == .never, self.listed.contains(where: { $0.role == .initial && $0.hasFailed }) {
      return .failed
    }
    let containers = self.listed.filter { $0.role == .main }
    let neverStarted = containers.contains {
      ($0.state == .new || $0.state == .creating || $0.startFailure != nil)
        && $0.lastTermination == nil
    }
    if neverStarted { return .pending }
    if containers.contains(where: { $0.state != .ended }) { return .running }
    let hasFailed = containers.contains { $0.lastTermination?.exitCode != 0 }
    return switch policy {
    case .always: .running
    case .onFailure: hasFailed ? .running : .succeeded
    case .never: hasFailed ? .failed : .succeeded
    }
  }

  /// `status` of a v1 Pod.
  /// - Parameter address: the node's, which all pods share; `nil` for a kubelet without API servers.
  func status(clock: WallClock, runtime: String, address: String? = nil) -> JSONValue {
    var status: JSONValue = [
      "phase": .string(self.phase.rawValue),
      "conditions": .array(self.conditions(clock: clock)),
      "startTime": .string(clock.seconds(self.startedAt)),
      "containerStatuses": .array(
        self.listed.filter { $0.role == .main }.sorted { $0.name < $1.name }
          .map { self.status(of: $0, clock: clock, runtime: runtime) }),
    ]
    if let address {
      let ips: JSONValue = [["ip": .string(address)]]
      (status["hostIP"], status["hostIPs"]) = (.string(address), ips)
      (status["podIP"], status["podIPs"]) = (.string(address), ips)
    }
    // Init containers stay in their order.
    let initial = self.listed.filter { $0.role != .main }
    if !initial.isEmpty {
      status["initContainerStatuses"] = .array(
        initial.map { self.status(of: $0, clock: clock, runtime: runtime) })
    }
    if self.hasExceededDeadline {
      status["reason"] = .string(PodEvent.deadlineExceeded.reason)
      status["message"] = .string(PodEvent.deadlineExceeded.message)
    }
    return status
  }

  /// Source: `pkg/kubelet/status/generate.go`.
  private func conditions(clock: WallClock) -> [JSONValue] {
    func condition(
      _ type: String, _ isTrue: Bool, since: KubeletInstant, reason: String? = nil,
      message: String? = nil
    ) -> JSONValue {
      var condition: JSONValue = [
        "type": .string(type), "status": isTrue ? "True" : "False", "lastProbeTime": nil,
        "lastTransitionTime": .string(clock.seconds(since)),
      ]
      condition["reason"] = reason.map { .string($0) }
      condition["message"] = message.map { .string($0) }
      return condition
    }
    func list(_ names: [String]) -> String { "[\(names.joined(separator: " "))]" }

    let phase = self.phase
    let incomplete = self.listed.filter { container in
      switch container.role {
      case .initial: !container.isComplete
      case .sidecar: !container.isStarted
      case .main: false
      }
    }.map(\.name)
    let unready = self.unready
    let readiness: (reason: String?, message: String?) =
      switch phase {
      case .succeeded: ("PodCompleted", nil)
      case .failed: ("PodFailed", nil)
      case _ where unready.isEmpty: (nil, nil)
      case .pending, .running:
        ("ContainersNotReady", "containers with unready status: \(list(unready))")
      }
    let isInitialized = self.initializedAt != nil
    return [
      condition(
        "PodReadyToStartContainers", self.finishedAt == nil,
        since: self.finishedAt ?? self.startedAt),
      condition(
        "Initialized", isInitialized, since: self.initializedAt ?? self.startedAt,
        reason: isInitialized
          ? (phase == .succeeded ? "PodCompleted" : nil) : "ContainersNotInitialized",
        message: isInitialized ? nil : "containers with incomplete status: \(list(incomplete))"),
      condition(
        "Ready", self.isReady, since: self.readinessChangedAt, reason: readiness.reason,
        message: readiness.message),
      condition(
        "ContainersReady", self.isReady, since: self.readinessChangedAt, reason: readiness.reason,
        message: readiness.message),
      condition("PodScheduled", true, since: self.startedAt),
    ]
  }

  private func status(
    of container: Container, clock: WallClock, runtime: String
  ) -> JSONValue {
    var lastState = container.lastTermination.map {
      self.terminated($0, of: container, clock: clock, runtime: runtime)
    }
    let state: JSONValue
    let waiting: JSONValue = [
      "waiting": [
        "reason": self.manifest.initContainers.isEmpty ? "ContainerCreating" : "PodInitializing"
      ]
    ]
    switch container.state {
    case .new, .creating: state = waiting
    case .running(let since): state = ["running": ["startedAt": .string(clock.seconds(since))]]
    case .backingOff where container.startFailure != nil:
      state = [
        "waiting": [
          "reason": .string(container.startFailure?.waitingReason ?? ""),
          "message": .string(container.startFailure?.message ?? ""),
        ]
      ]
    case .backingOff(_, let delay) where delay > .zero:
      let pod = "\(self.manifest.name.name)_\(self.manifest.name.namespace)(\(self.manifest.uid))"
      let message =
        "back-off \(delay.components.seconds)s restarting failed container=\(container.name) "
        + "pod=\(pod)"
      state = ["waiting": ["reason": "CrashLoopBackOff", "message": .string(message)]]
    case .ended where lastState == nil:
      state = self.initializedAt == nil ? waiting : Self.neverStarted
    case .backingOff, .ended:
      state = lastState ?? [:]
      lastState = nil
    }
    return [
      "name": .string(container.name), "state": state, "lastState": lastState ?? [:],
      "ready": .boolean(container.role == .initial ? container.isComplete : container.isReady),
      "started": .boolean(container.isStarted),
      "restartCount": .integer(Int64(container.restartCount)), "image": .string(container.image),
      "imageID": "",
      "containerID": container.state == .new || container.state == .creating
        ? "" : self.id(of: container, attempt: container.restartCount, runtime: runtime),
    ]
  }

  /// A container that the pod's end kept from starting.
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
    if !run.message.isEmpty { state["message"] = .string(run.message) }
    return ["terminated": state]
  }

  /// The container's id: 64 hexadecimal digits, different for each start.
  private func id(of container: Container, attempt: Int, runtime: String) -> JSONValue {
    let run = "\(self.manifest.uid)/\(container.name)/\(attempt)"
    return .string("\(runtime)://\(PodUID.digest(run))\(PodUID.digest(run + "/"))")
  }
}
