import Linux

/// The log of one run of a container.
struct ContainerLogFile: Equatable, Sendable {
  let pod: PodName
  let uid: String
  let container: String
  let attempt: Int

  /// The directory below that of all logs: the pod's, and the container's in it. The names come from outside.
  ///
  /// Source: `pkg/kubelet/kuberuntime/helpers.go` BuildContainerLogsDirectory.
  var directory: [String] {
    ["\(self.pod.namespace)_\(self.pod.name)_\(self.uid)", self.container]
  }

  /// The uid in the name of a pod's directory; `nil` for another name. Names and namespaces have no underscore.
  static func uid(ofDirectory name: String) -> String? {
    let parts = name.split(separator: "_", maxSplits: 2)
    return parts.count == 3 ? String(parts[2]) : nil
  }

  /// Whether a file in the container's directory is of a run that no reader can ask for any more: the present
  /// run's and the one before are kept.
  /// - Parameter name: of a file, which may be rotated: `3.log.1`.
  func isOutdated(_ name: String) -> Bool {
    let parts = name.split(separator: ".")
    guard parts.count > 1, parts[1] == "log", let attempt = Int(parts[0]) else { return false }
    return attempt < self.attempt - 1
  }

  var name: String { "\(self.attempt).log" }

  /// `nil` when a name cannot be a step of a path.
  var path: String? {
    let steps = (self.directory + [self.name]).compactMap { PathComponent($0)?.description }
    return steps.count == 3 ? steps.joined(separator: "/") : nil
  }
}

/// Why a log cannot be read.
struct ContainerLogRefusal: Error, Equatable {
  /// The HTTP status.
  let status: Int
  let message: String
}

extension PodWorkers {
  /// The log for a reader.
  func log(
    of pod: PodName, container name: String, previous: Bool
  ) throws(ContainerLogRefusal) -> ContainerLogFile {
    guard let manifest = self.running[pod]?.manifest ?? self.waiting[pod] else {
      throw ContainerLogRefusal(status: 404, message: "pod \"\(pod.name)\" does not exist")
    }
    guard manifest.container(named: name) != nil else {
      throw ContainerLogRefusal(
        status: 404, message: "container \"\(name)\" not found in pod \"\(pod.name)\"")
    }
    let container = self.running[pod]?.containers.first { $0.name == name }
    let attempts = container.map(\.attemptsWithLogs)
    guard let attempt = previous ? attempts?.previous : attempts?.current else {
      let place = "container \"\(name)\" in pod \"\(pod.name)\""
      let reason =
        container?.startFailure?.waitingReason
        ?? (manifest.initContainers.isEmpty ? "ContainerCreating" : "PodInitializing")
      throw ContainerLogRefusal(
        status: 400,
        message: previous
          ? "previous terminated \(place) not found" : "\(place) is waiting to start: \(reason)")
    }
    return ContainerLogFile(pod: pod, uid: manifest.uid, container: name, attempt: attempt)
  }

  /// Whether the container may still write to a log.
  func isRunning(_ log: ContainerLogFile) -> Bool {
    guard let pod = self.running[log.pod], pod.manifest.uid == log.uid else { return false }
    return pod.containers.contains {
      $0.name == log.container && $0.restartCount == log.attempt && $0.isAlive
    }
  }
}

extension PodLifecycle.Container {
  /// The run for a reader, and the run before it.
  fileprivate var attemptsWithLogs: (current: Int?, previous: Int?) {
    switch self.state {
    case .running: (self.restartCount, self.lastTermination?.attempt)
    case .new, .creating, .backingOff:
      (self.lastTermination?.attempt, self.lastTermination?.attempt)
    case .ended:
      (
        self.lastTermination?.attempt,
        self.lastTermination.flatMap { $0.attempt > 0 ? $0.attempt - 1 : nil }
      )
    }
  }
}
