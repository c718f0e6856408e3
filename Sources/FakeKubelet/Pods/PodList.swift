extension PodWorkers {
  /// `/pods`: a v1 PodList of what the manifests ask for, in the order of the names.
  ///
  /// A removed pod is not in it, though its containers may still be ending; a changed one is in it as
  /// it shall be.
  func podList(clock: WallClock, runtime: String) -> JSONValue {
    Self.list(
      self.seenAt.sorted { $0.key < $1.key }.compactMap { name, seenAt in
        // What has to wait has no containers, as a pod that was begun this moment.
        let pod =
          self.waiting[name].map { PodLifecycle($0, at: seenAt) } ?? self.running[name]
        guard let pod else { return nil }
        var metadata = pod.manifest.metadata
        metadata["annotations"]?["kubernetes.io/config.seen"] = .string(clock.nanoseconds(seenAt))
        return [
          "metadata": metadata, "spec": pod.manifest.spec,
          "status": pod.status(clock: clock, runtime: runtime),
        ]
      })
  }

  /// `/runningpods/`: a v1 PodList of the pods that are not yet gone from the runtime, with the
  /// containers that run, in the order of the names.
  func runningPodList() -> JSONValue {
    Self.list(
      self.running.sorted { $0.key < $1.key }.map { name, pod in
        let containers: [JSONValue] = pod.containers.filter(\.isRunning).map {
          ["name": .string($0.name), "image": .string($0.image), "resources": [:]]
        }
        return [
          "metadata": [
            "name": .string(name.name), "namespace": .string(name.namespace),
            "uid": .string(pod.manifest.uid), "creationTimestamp": nil,
          ],
          "spec": ["containers": containers.isEmpty ? .null : .array(containers)],
          "status": [:],
        ]
      })
  }

  private static func list(_ items: [JSONValue]) -> JSONValue {
    [
      "kind": "PodList", "apiVersion": "v1", "metadata": [:],
      "items": items.isEmpty ? .null : .array(items),
    ]
  }
}
