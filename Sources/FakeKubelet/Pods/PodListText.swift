import KubernetesObjects

/// The answer of `/pods`. It caches the pods' texts, so that only changed pods are written anew.
struct PodListText {
  private var items: [PodName: (change: UInt64, text: [UInt8])] = [:]

  /// A v1 PodList of the manifests' pods, in the order of the names, as JSON.
  ///
  /// It lacks removed pods, though their containers may still be stopping. A changed pod appears in its new
  /// form. A pod that waits for the end of its predecessor has no start time yet.
  /// - Parameter workers: of the same node, and not older than at the last call.
  mutating func text(
    of workers: PodWorkers, clock: WallClock, runtime: String, address: String? = nil
  ) -> [UInt8] {
    var list = Array(#"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":"#.utf8)
    let former = self.items
    self.items = [:]
    list.reserveCapacity(former.reduce(200) { $0 + $1.value.text.count + 1 })
    for name in workers.seenAt.keys.sorted() {
      let change = workers.lastChange[name] ?? 0
      guard
        let text = former[name].flatMap({ $0.change == change ? $0.text : nil })
          ?? workers.podListItem(name, clock: clock, runtime: runtime, address: address)?.utf8
      else { continue }
      list.append(UInt8(ascii: self.items.isEmpty ? "[" : ","))
      list += text
      self.items[name] = (change, text)
    }
    list += (self.items.isEmpty ? "null}" : "]}").utf8
    return list
  }
}

extension PodWorkers {
  /// A pod of the list: its manifest and its status.
  func podListItem(
    _ name: PodName, clock: WallClock, runtime: String, address: String?
  ) -> JSONValue? {
    let pod = self.running[name]
    guard let seenAt = self.seenAt[name], let manifest = self.waiting[name] ?? pod?.manifest else {
      return nil
    }
    var metadata = manifest.metadata
    metadata["annotations"]?["kubernetes.io/config.seen"] = .string(clock.nanoseconds(seenAt))
    let status =
      self.waiting[name] == nil
      ? pod?.status(clock: clock, runtime: runtime, address: address) : nil
    return [
      "metadata": metadata, "spec": manifest.spec, "status": status ?? ["phase": "Pending"],
    ]
  }

  /// `/runningpods/`: a v1 PodList of the pods that have not ended, with their running containers, in the
  /// order of the names.
  func runningPodList() -> JSONValue {
    // Those of a former kubelet run, too.
    let orphans: [JSONValue] = self.survivors.values.flatMap { $0 }.filter(\.isRunning)
      .sorted { ($0.uid, $0.container) < ($1.uid, $1.container) }
      .compactMap { orphan in
        orphan.pod.map {
          [
            "metadata": [
              "name": .string($0.name), "namespace": .string($0.namespace),
              "uid": .string(orphan.uid), "creationTimestamp": nil,
            ],
            "spec": ["containers": [["name": .string(orphan.container), "resources": [:]]]],
            "status": [:],
          ]
        }
      }
    let pods: [JSONValue] =
      orphans
      + self.running.filter { !$1.isFinished }.sorted { $0.key < $1.key }.map { name, pod in
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
      }
    return [
      "kind": "PodList", "apiVersion": "v1", "metadata": [:],
      "items": pods.isEmpty ? .null : .array(pods),
    ]
  }
}
