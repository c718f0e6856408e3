import KubernetesObjects

/// Decides which pods of the API server the node runs, as a value: it compares the server's pods with
/// those that it has handed to the kubelet.
///
/// - Mirror pods do not count.
/// - A pod that has ended, or is being deleted, does not start.
/// - A pod that is being deleted is stopped within the server's grace period, and removed from the server
///   when it has ended or has never started.
///
/// Source: `pkg/kubelet/kubelet.go` syncLoop, `status/status_manager.go` canBeDeleted; 1.32.
struct APIPods: Equatable, Sendable {
  /// Changes for the kubelet.
  struct Changes: Equatable, Sendable {
    var change = PodSources.Change()
    /// Pods to stop, after the change.
    var deleted: [Deletion] = []
    /// Pods that cannot run here; each is listed once.
    var refused: [Refusal] = []

    /// Whether nothing changes for the kubelet.
    var isEmpty: Bool { self.change == PodSources.Change() && self.deleted.isEmpty }
  }
  struct Deletion: Equatable, Sendable {
    var name: PodName
    var uid: String
    var gracePeriod: Duration
  }
  struct Refusal: Equatable, Sendable {
    var name: PodName
    var uid: String
    var error: ManifestError
  }

  /// A pod as the kubelet has it.
  private struct Assignment: Equatable {
    var uid: String
    var version: String
    /// As last read.
    var metadata: JSONValue?
    var spec: JSONValue?
    /// `nil` for a pod that cannot run here.
    var manifest: PodManifest?
    var gracePeriod: Duration?
  }

  private let node: PodManifest.Node
  private var assignments: [PodName: Assignment] = [:]

  init(node: PodManifest.Node) {
    self.node = node
  }

  /// Whether the kubelet has been given that pod to run.
  func isAssigned(_ pod: ServerPod) -> Bool {
    self.assignments[pod.name].map { $0.uid == pod.uid && $0.manifest != nil } ?? false
  }

  mutating func update(from server: ServerPods) -> Changes {
    var changes = Changes()
    for (name, former) in self.assignments.sorted(by: { $0.key < $1.key })
    where server.pods[name]?.uid != former.uid || server.pods[name]?.mirrorHash != nil {
      self.assignments[name] = nil
      if former.manifest != nil { changes.change.removed.append(name) }
    }
    for (name, pod) in server.pods.sorted(by: { $0.key < $1.key }) where pod.mirrorHash == nil {
      guard let former = self.assignments[name] else {
        if !pod.isTerminal, pod.deletion == nil { self.assign(pod, &changes) }
        continue
      }
      if former.version != pod.version { self.update(pod, former, &changes) }
    }
    return changes
  }

  private mutating func assign(_ pod: ServerPod, _ changes: inout Changes) {
    var assignment = Assignment(
      uid: pod.uid, version: pod.version, metadata: Self.lasting(pod.object["metadata"]),
      spec: pod.object["spec"])
    do throws(ManifestError) {
      let manifest = try PodManifest(object: pod.object, node: self.node)
      assignment.manifest = manifest
      changes.change.added.append(manifest)
    } catch {
      changes.refused.append(Refusal(name: pod.name, uid: pod.uid, error: error))
    }
    self.assignments[pod.name] = assignment
  }

  private mutating func update(
    _ pod: ServerPod, _ former: Assignment, _ changes: inout Changes
  ) {
    var assignment = former
    assignment.version = pod.version
    defer { self.assignments[pod.name] = assignment }
    guard let formerManifest = former.manifest else { return }
    if let gracePeriod = pod.deletion {
      guard former.gracePeriod.map({ gracePeriod < $0 }) ?? true else { return }
      assignment.gracePeriod = gracePeriod
      changes.deleted.append(
        Deletion(name: pod.name, uid: pod.uid, gracePeriod: gracePeriod))
      return
    }
    assignment.metadata = Self.lasting(pod.object["metadata"])
    assignment.spec = pod.object["spec"]
    guard (assignment.metadata, assignment.spec) != (former.metadata, former.spec) else { return }
    // A pod that becomes invalid continues as it was.
    if let manifest = try? PodManifest(object: pod.object, node: self.node) {
      assignment.manifest = manifest
      if (formerManifest.metadata, formerManifest.spec) != (manifest.metadata, manifest.spec) {
        changes.change.updated.append(manifest)
      }
    }
  }

  /// Metadata without the fields that change with each status.
  private static func lasting(_ metadata: JSONValue?) -> JSONValue? {
    var metadata = metadata
    for field in ["resourceVersion", "generation", "managedFields"] { metadata?[field] = nil }
    return metadata
  }
}
