extension PodWorkers {
  /// `/pods`: a v1 PodList of what the manifests ask for, in the order of the names.
  ///
  /// A removed pod is not in it, though its containers may still be ending; a changed one is in it as
  /// it shall be. One that waits for the end of its predecessor has not been taken up, hence has no
  /// start time yet.
  func podList(clock: WallClock, runtime: String) -> JSONValue {
    Self.list(
      self.seenAt.sorted { $0.key < $1.key }.compactMap { name, seenAt in
        let pod = self.running[name]
        guard let manifest = self.waiting[name] ?? pod?.manifest else { return nil }
        var metadata = manifest.metadata
        metadata["annotations"]?["kubernetes.io/config.seen"] = .string(clock.nanoseconds(seenAt))
        let status =
          self.waiting[name] == nil ? pod?.status(clock: clock, runtime: runtime) : nil
        return [
          "metadata": metadata, "spec": manifest.spec, "status": status ?? ["phase": "Pending"],
        ]
      })
  }

  /// `/runningpods/`: a v1 PodList of the pods that are not yet gone from the runtime, with the
  /// containers that run, in the order of the names. A pod that has failed or succeeded is gone.
  func runningPodList() -> JSONValue {
    Self.list(
      self.running.filter { !$1.isFinished }.sorted { $0.key < $1.key }.map { name, pod in
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
