/// A pod's READY, STATUS and RESTARTS as `kubectl get pod` prints them. The kubelet's pods, the API
/// server's tables and the test cluster's view all read pods by it.
///
/// Source: `pkg/printers/internalversion/printers.go` printPod, of Kubernetes 1.32.
package struct PodColumns: Equatable {
  private var readyContainers = 0
  private let totalContainers: Int
  private var restarts: Int64 = 0
  /// When the latest run of a container that was started again ended, in seconds since 1970.
  private var lastRestart: Int64?
  package private(set) var status: String

  package init(_ pod: JSONValue) {
    let (spec, status) = (pod["spec"] ?? [:], pod["status"] ?? [:])
    self.status = status["reason"].text ?? pod.phase
    if pod.condition("PodScheduled")?["reason"]?.string == "SchedulingGated" {
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
    if !isInitializing || pod.conditionStatus("Initialized") == "True" {
      // Restarts of init containers stop counting once these have succeeded.
      self.restarts = 0
      self.lastRestart = nil
      for container in initial where sidecars.contains(container["name"]?.string ?? "") {
        self.countRestarts(of: container)
      }
      self.run(
        status["containerStatuses"]?.elements ?? [],
        isReady: pod.conditionStatus("Ready") == "True")
    }
    if pod.metadata.isBeingDeleted {
      if status["reason"]?.string == "NodeLost" {
        self.status = "Unknown"
      } else if !pod.hasEnded {
        self.status = "Terminating"
      }
    }
  }

  /// `1/2`.
  package var ready: String { "\(self.readyContainers)/\(self.totalContainers)" }

  /// `3`, `3 (12s ago)`.
  /// - Parameter now: seconds since 1970.
  package func restarts(now: Int64) -> String {
    guard self.restarts != 0, let lastRestart else { return String(self.restarts) }
    return "\(self.restarts) (\(KubernetesTime.age(seconds: now - lastRestart)) ago)"
  }

  /// Goes through the init containers up to the first one that has not finished.
  /// - Returns: whether there is such a container.
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

  /// Reads the main containers from the last to the first, so that the first one with a reason decides.
  private mutating func run(_ statuses: [JSONValue], isReady: Bool) {
    var hasRunning = false
    for container in statuses.reversed() {
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
    if self.status == "Completed", hasRunning { self.status = isReady ? "Running" : "NotReady" }
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
