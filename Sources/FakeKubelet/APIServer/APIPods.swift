import KubernetesObjects

/// Which of the API server's pods the node is to run, as a value: it compares what the server has with what
/// the kubelet was told before.
///
/// - Mirror pods are none of them.
/// - A pod that has failed or succeeded is not begun again, and one that is being deleted is not begun.
/// - What is being deleted is stopped within the time that the server gives, and deleted for good when it
///   has ended, or when it was never begun.
///
/// Source: `pkg/kubelet/kubelet.go` syncLoop, `status/status_manager.go` canBeDeleted; 1.32.
struct APIPods: Equatable, Sendable {
  /// What the kubelet is to be told.
  struct Findings: Equatable, Sendable {
    var change = PodSources.Change()
    /// Pods that are to end, after the change.
    var deleted: [Deletion] = []
    /// Pods that cannot be run here, each told once.
    var refused: [Refusal] = []

    /// Whether the kubelet does not know it yet.
    var isNews: Bool { self.change != PodSources.Change() || !self.deleted.isEmpty }
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

  /// What the kubelet was told about a pod.
  private struct Told: Equatable {
    var uid: String
    var version: String
    /// As it was read last.
    var metadata: JSONValue?
    var spec: JSONValue?
    /// `nil` when it cannot be run.
    var manifest: PodManifest?
    var gracePeriod: Duration?
  }

  private let node: PodManifest.Node
  private var told: [PodName: Told] = [:]

  init(node: PodManifest.Node) {
    self.node = node
  }

  /// Whether the kubelet was told to run that pod.
  func isTold(_ pod: ServerPod) -> Bool {
    self.told[pod.name].map { $0.uid == pod.uid && $0.manifest != nil } ?? false
  }

  /// Compares.
  mutating func take(_ server: ServerPods) -> Findings {
    var findings = Findings()
    for (name, known) in self.told.sorted(by: { $0.key < $1.key })
    where server.pods[name]?.uid != known.uid || server.pods[name]?.mirrorHash != nil {
      self.told[name] = nil
      if known.manifest != nil { findings.change.removed.append(name) }
    }
    for (name, pod) in server.pods.sorted(by: { $0.key < $1.key }) where pod.mirrorHash == nil {
      guard let known = self.told[name] else {
        if !pod.isTerminal, pod.deletion == nil { self.begin(pod, &findings) }
        continue
      }
      if known.version != pod.version { self.goOn(pod, known, &findings) }
    }
    return findings
  }

  private mutating func begin(_ pod: ServerPod, _ findings: inout Findings) {
    var told = Told(
      uid: pod.uid, version: pod.version, metadata: Self.lasting(pod.object["metadata"]),
      spec: pod.object["spec"])
    do throws(ManifestError) {
      let manifest = try PodManifest(object: pod.object, node: self.node)
      told.manifest = manifest
      findings.change.added.append(manifest)
    } catch {
      findings.refused.append(Refusal(name: pod.name, uid: pod.uid, error: error))
    }
    self.told[pod.name] = told
  }

  private mutating func goOn(_ pod: ServerPod, _ known: Told, _ findings: inout Findings) {
    var told = known
    told.version = pod.version
    defer { self.told[pod.name] = told }
    guard let former = known.manifest else { return }
    if let gracePeriod = pod.deletion {
      guard known.gracePeriod.map({ gracePeriod < $0 }) ?? true else { return }
      told.gracePeriod = gracePeriod
      findings.deleted.append(
        Deletion(name: pod.name, uid: pod.uid, gracePeriod: gracePeriod))
      return
    }
    told.metadata = Self.lasting(pod.object["metadata"])
    told.spec = pod.object["spec"]
    guard (told.metadata, told.spec) != (known.metadata, known.spec) else { return }
    // One that cannot be read any more goes on as it was.
    if let manifest = try? PodManifest(object: pod.object, node: self.node) {
      told.manifest = manifest
      if (former.metadata, former.spec) != (manifest.metadata, manifest.spec) {
        findings.change.updated.append(manifest)
      }
    }
  }

  /// Without what changes with each status.
  private static func lasting(_ metadata: JSONValue?) -> JSONValue? {
    var metadata = metadata
    for field in ["resourceVersion", "generation", "managedFields"] { metadata?[field] = nil }
    return metadata
  }
}
