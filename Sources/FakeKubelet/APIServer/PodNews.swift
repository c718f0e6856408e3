import KubernetesClient

/// What there is to tell about pods when a node goes from one state to the next.
///
/// What a pod says by itself (``PodEvent``: a probe that failed, a volume that is not there) is not among it.
/// Source: `pkg/kubelet/events/event.go`, `kuberuntime/kuberuntime_container.go`, 1.32. Images are never
/// pulled here, so nothing says so.
enum PodNews {
  struct Item: Equatable, Sendable {
    var subject: EventSubject
    var note: EventNote
  }

  /// In the order of the names, then of the containers.
  static func items(from old: PodWorkers, to new: PodWorkers) -> [Item] {
    let changed = new.running.filter { old.running[$0]?.containers != $1.containers }
    return changed.sorted { $0.key < $1.key }.flatMap { name, pod in
      let before = old.running[name].flatMap { $0.manifest.uid == pod.manifest.uid ? $0 : nil }
      return pod.containers.flatMap { container in
        Self.notes(
          of: container, before: before?.containers.first { $0.name == container.name }, in: pod
        ).map { Item(subject: Self.subject(pod, container: container.name), note: $0) }
      }
    }
  }

  /// - Parameter container: `nil` for the pod as a whole.
  static func subject(_ pod: PodLifecycle, container: String?) -> EventSubject {
    let manifest = pod.manifest
    let list = container.map {
      manifest.container(named: $0)?.role == .main ? "containers" : "initContainers"
    }
    return EventSubject(
      kind: "Pod", namespace: manifest.name.namespace, name: manifest.name.name,
      uid: manifest.uid,
      fieldPath: container.flatMap { name in list.map { "spec.\($0){\(name)}" } })
  }

  private static func notes(
    of container: PodLifecycle.Container, before: PodLifecycle.Container?, in pod: PodLifecycle
  ) -> [EventNote] {
    let name = container.name
    var notes: [EventNote] = []
    if container.isRunning, before?.state != container.state {
      notes += [
        EventNote(reason: "Created", message: "Created container: \(name)"),
        EventNote(reason: "Started", message: "Started container \(name)"),
      ]
    }
    if container.isRunning, before?.stop == nil, let stop = container.stop {
      switch stop.sequel {
      // The pod itself has told why.
      case .restart: break
      case .startAgain where !pod.isTerminating:
        notes.append(
          EventNote(
            reason: "Killing", message: "Container \(name) definition changed, will be restarted"))
      case .startAgain, .leave:
        notes.append(EventNote(reason: "Killing", message: "Stopping container \(name)"))
      }
    }
    if case .backingOff(_, let delay) = container.state, delay > .zero,
      container.startFailure == nil, before?.state != container.state
    {
      let manifest = pod.manifest
      notes.append(
        EventNote(
          isWarning: true, reason: "BackOff",
          message: "Back-off restarting failed container \(name) in pod "
            + "\(manifest.name.name)_\(manifest.name.namespace)(\(manifest.uid))"))
    }
    return notes
  }
}
