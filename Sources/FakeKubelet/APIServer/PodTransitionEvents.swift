import KubernetesClient

/// The events that follow from comparing two states of a node's pods.
///
/// Events that a pod reports itself (``PodEvent``: a failed probe, a missing volume) come besides. There are
/// none about image pulls, since no image is pulled here.
/// Source: `pkg/kubelet/events/event.go`, `kuberuntime/kuberuntime_container.go`, 1.32.
enum PodTransitionEvents {
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
      // The pod itself has reported the reason.
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
