/// What a pod's line says.
///
/// Source: `pkg/printers/internalversion/printers.go` printPod, of Kubernetes 1.32.
package struct PodRow: Equatable {
  package private(set) var readyContainers = 0
  package private(set) var totalContainers: Int
  package private(set) var restarts: Int64 = 0
  /// Seconds since 1970 at which a container ended that runs again.
  package private(set) var lastRestart: Int64?
  package private(set) var status: String

  package init(_ pod: JSONValue) {
    let (spec, status) = (pod["spec"] ?? [:], pod["status"] ?? [:])
    let phase = status["phase"]?.string ?? ""
    self.status = status["reason"].text ?? phase
    if status.condition("PodScheduled")?["reason"]?.string == "SchedulingGated" {
      self.status = "SchedulingGated"
    }
    let initContainers = spec["initContainers"]?.elements ?? []
    let sidecars = Set(
      initContainers.filter { $0["restartPolicy"]?.string == "Always" }.compactMap {
        $0["name"]?.string
      })
    self.totalContainers = (spec["containers"]?.elements.count ?? 0) + sidecars.count

    let initial = status["initContainerStatuses"]?.elements ?? []
    let isInitializing = self.initialize(initial, sidecars: sidecars, count: initContainers.count)
    if !isInitializing || status.isTrue("Initialized") {
      // What the others did is no news once they have ended well.
      self.restarts = 0
      self.lastRestart = nil
      for container in initial where sidecars.contains(container["name"]?.string ?? "") {
        self.countRestarts(of: container)
      }
      self.run(status)
    }
    if pod["metadata"]?["deletionTimestamp"]?.string != nil {
      if status["reason"]?.string == "NodeLost" {
        self.status = "Unknown"
      } else if phase != "Succeeded", phase != "Failed" {
        self.status = "Terminating"
      }
    }
  }

  /// `1/2`.
  package var ready: String { "\(self.readyContainers)/\(self.totalContainers)" }

  /// `3`, `3 (12s ago)`.
  package func restarts(now: Int64) -> String {
    guard self.restarts != 0, let lastRestart else { return String(self.restarts) }
    return "\(self.restarts) (\(KubernetesTime.age(seconds: now - lastRestart)) ago)"
  }

  /// Goes through the init containers up to the one that the pod waits for; says whether there is one.
  private mutating func initialize(
    _ statuses: [JSONValue], sidecars: Set<String>, count: Int
  ) -> Bool {
    for (index, container) in statuses.enumerated() {
      self.countRestarts(of: container)
      let terminated = container["state"]?["terminated"].present
      if let terminated, (terminated["exitCode"]?.integer ?? 0) == 0 { continue }
      if sidecars.contains(container["name"]?.string ?? ""),
        container["started"]?.boolean == true
      {
        if container["ready"]?.boolean == true { self.readyContainers += 1 }
        continue
      }
      if let terminated {
        self.status = "Init:" + Self.outcome(terminated)
      } else if let reason = container["state"]?["waiting"]?["reason"].text,
        reason != "PodInitializing"
      {
        self.status = "Init:" + reason
      } else {
        self.status = "Init:\(index)/\(count)"
      }
      return true
    }
    return false
  }

  /// The first container that has something to say decides, so the last ones are read first.
  private mutating func run(_ status: JSONValue) {
    var hasRunning = false
    for container in (status["containerStatuses"]?.elements ?? []).reversed() {
      self.countRestarts(of: container)
      let state = container["state"] ?? [:]
      if let reason = state["waiting"]?["reason"].text {
        self.status = reason
      } else if let terminated = state["terminated"].present {
        self.status = Self.outcome(terminated)
      } else if container["ready"]?.boolean == true, state["running"].present != nil {
        hasRunning = true
        self.readyContainers += 1
      }
    }
    if self.status == "Completed", hasRunning {
      self.status = status.isTrue("Ready") ? "Running" : "NotReady"
    }
  }

  private mutating func countRestarts(of container: JSONValue) {
    self.restarts += container["restartCount"]?.integer ?? 0
    let end = container["lastState"]?["terminated"]?["finishedAt"]?.string
    if let end = end.flatMap(KubernetesTime.seconds(of:)), end > self.lastRestart ?? .min {
      self.lastRestart = end
    }
  }

  private static func outcome(_ terminated: JSONValue) -> String {
    if let reason = terminated["reason"].text { return reason }
    if let signal = terminated["signal"]?.integer, signal != 0 { return "Signal:\(signal)" }
    return "ExitCode:\(terminated["exitCode"]?.integer ?? 0)"
  }
}

extension JSONValue? {
  /// A text that says something: Go knows no difference between none and an empty one.
  package var text: String? { self?.string.flatMap { $0.isEmpty ? nil : $0 } }

  /// A value that is there and not null.
  package var present: JSONValue? { self == .null ? nil : self }
}

extension JSONValue {
  /// The condition of a type in a `status`.
  package func condition(_ type: String) -> JSONValue? {
    self["conditions"]?.elements.first { $0["type"]?.string == type }
  }

  package func isTrue(_ type: String) -> Bool { self.condition(type)?["status"]?.string == "True" }
}
