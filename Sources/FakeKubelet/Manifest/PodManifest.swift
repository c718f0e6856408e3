import KubernetesObjects
import Linux

/// A pod from a file or from the API server: decoded, with the API's defaults, validated, and, for a static
/// pod, with the node's name in its own.
///
/// It is a function of the file's bytes, its path and ``Node``; it reads no clock and no file.
/// Source: `pkg/kubelet/config/common.go` tryDecodeSinglePod and applyDefaults.
public struct PodManifest: Equatable, Sendable {
  /// The node's settings that validation and names depend on.
  public struct Node: Equatable, Sendable {
    /// The node's name, in lower case.
    public var name: String
    /// Whether containers may be privileged.
    public var allowsPrivileged: Bool
    /// The release whose fields and rules pods have, and whose uids; `nil` for all fields, the rules of
    /// 1.32 and the uids of 1.26.
    public var kubeletVersion: KubeletVersion?

    public init(
      name: String, allowsPrivileged: Bool = true, kubeletVersion: KubeletVersion? = nil
    ) {
      self.name = name
      self.allowsPrivileged = allowsPrivileged
      self.kubeletVersion = kubeletVersion
    }
  }

  /// The origin of a pod, as in the annotation `kubernetes.io/config.source`.
  public enum Source: String, Equatable, Sendable {
    /// A static pod, from a file.
    case file
    /// A pod of the API server that is bound to this node.
    case api
  }

  /// When a container that has ended is restarted.
  public enum RestartPolicy: String, Equatable, Sendable {
    case always = "Always"
    case onFailure = "OnFailure"
    case never = "Never"
  }

  /// Source: `pkg/kubelet/kuberuntime`, minimumGracePeriodInSeconds.
  static let minimumGracePeriod: Duration = .seconds(2)

  /// A file of this many bytes or more is refused.
  public static let maximumSize = 10 << 20

  /// The pod's origin.
  public let source: Source
  /// The file's path; for a pod of the API server its API path.
  public let path: String
  /// Namespace and name; a static pod's name ends with the node's.
  public let name: PodName
  /// The manifest's own uid, else the real kubelet's: a digest of manifest, node and path.
  public private(set) var uid: String
  /// In the manifest's order, never empty.
  public let containers: [Container]
  /// In the manifest's order, sidecars among them.
  public let initContainers: [Container]
  public let restartPolicy: RestartPolicy
  /// From SIGTERM to SIGKILL.
  public let gracePeriod: Duration
  /// How long the pod may be active after its `status.startTime`; `nil` for no limit.
  public private(set) var activeDeadline: Duration?
  private let pretend: [String: PretendBehaviour]
  /// `metadata` as in `/pods`, without the time at which the pod was first seen.
  public private(set) var metadata: JSONValue
  /// `spec` with the API's defaults.
  public private(set) var spec: JSONValue

  /// Reads a file's content.
  /// - Throws: all problems of the first stage that has any.
  public init(decoding bytes: [UInt8], path: String, node: Node) throws(ManifestError) {
    guard bytes.count < Self.maximumSize else {
      throw ManifestError(
        path: path, stage: .read, "the read limit is reached: \(Self.maximumSize) bytes")
    }
    let document: JSONValue
    do throws(ManifestText.Unreadable) {
      document = try ManifestText.value(of: bytes)
    } catch {
      throw ManifestError(path: path, stage: .decode, error.reason)
    }
    if let problem = Self.kindProblem(of: document) {
      throw ManifestError(path: path, stage: .decode, problems: [problem])
    }
    try self.init(
      pod: try Self.decoded(document, path: path, node: node), source: .file, path: path, node: node
    )
  }

  /// Reads a pod of the API server that is bound to this node.
  /// - Throws: why the pod cannot run here.
  init(object: JSONValue, node: Node) throws(ManifestError) {
    let path = "/api/v1/namespaces/\(object.metadata.namespace)/pods/\(object.metadata.name)"
    var pod = try Self.decoded(object, path: path, node: node)
    // These change with each status or with a deletion, while the pod stays the same.
    for field in ["resourceVersion", "generation", "deletionGracePeriodSeconds"] {
      pod["metadata"]?[field] = nil
    }
    pod["metadata"]?["creationTimestamp"] = object["metadata"]?["creationTimestamp"]
    try self.init(pod: pod, source: .api, path: path, node: node)
  }

  private static func decoded(
    _ object: JSONValue, path: String, node: Node
  ) throws(ManifestError) -> JSONValue {
    var problems: [FieldProblem] = []
    let pod = PodSchema.pod.decode(
      object, at: "", release: node.kubeletVersion?.minor, problems: &problems)
    guard problems.isEmpty else {
      throw ManifestError(path: path, stage: .decode, problems: problems)
    }
    return pod
  }

  private init(
    pod: JSONValue, source: Source, path: String, node: Node
  ) throws(ManifestError) {
    var metadata = pod["metadata"] ?? [:]
    var spec = pod["spec"] ?? [:]
    guard let ownName = metadata["name"]?.string, !ownName.isEmpty else {
      throw ManifestError(
        path: path, stage: .validate,
        problems: [.required("metadata.name", "name is needed for the pod")])
    }
    let minor = node.kubeletVersion?.minor ?? PodUID.defaultRelease
    PodDefaults.apply(to: &spec, minor: minor)
    if (metadata["uid"]?.string ?? "").isEmpty {
      // As in the real kubelet, the fields that are set below do not enter into the uid.
      metadata["uid"] = .string(
        PodUID.derived(
          metadata: metadata, spec: spec, status: pod["status"] ?? [:], node: node.name,
          path: path, minor: minor))
    }
    PodDefaults.correctGracePeriod(of: &spec)
    spec = PodSchema.spec.canonical(spec)
    if source == .file { metadata["name"] = .string("\(ownName)-\(node.name)") }
    if (metadata["namespace"]?.string ?? "").isEmpty { metadata["namespace"] = "default" }
    spec["nodeName"] = .string(node.name)

    // The server's own release may be a newer one.
    let rules = node.kubeletVersion?.minor ?? (source == .api ? PodRules.newestRelease : nil)
    var problems = PodValidation.problems(
      metadata: metadata, spec: spec,
      rules: PodRules(
        release: rules, allowsPrivileged: node.allowsPrivileged,
        isStatic: source == .file))
    // The uid names directories. The real kubelet does not look at it.
    let uid = metadata["uid"]?.string ?? ""
    if let problem = PathComponent.problem(of: uid) {
      problems.append(.invalid("metadata.uid", .string(uid), problem))
    }
    let containers = (spec["containers"]?.elements ?? []).map { Container($0, isInitial: false) }
    let initContainers = (spec["initContainers"]?.elements ?? []).map {
      Container($0, isInitial: true)
    }
    self.pretend = PretendBehaviour.ofContainers(
      initContainers + containers, annotations: metadata["annotations"], problems: &problems)
    guard problems.isEmpty else {
      throw ManifestError(path: path, stage: .validate, problems: problems)
    }

    var annotations = metadata["annotations"] ?? [:]
    annotations["kubernetes.io/config.source"] = .string(source.rawValue)
    if source == .file {
      annotations["kubernetes.io/config.hash"] = metadata["uid"]
      metadata["creationTimestamp"] = .null
      let toleration: JSONValue = ["operator": "Exists", "effect": "NoExecute"]
      let tolerations = spec["tolerations"]?.elements ?? []
      if !tolerations.contains(toleration) {
        spec["tolerations"] = .array(tolerations + [toleration])
      }
    }
    metadata["annotations"] = annotations

    self.source = source
    self.path = path
    self.name = PodName(
      namespace: metadata["namespace"]?.string ?? "", name: metadata["name"]?.string ?? "")
    self.uid = uid
    self.containers = containers
    self.initContainers = initContainers
    self.restartPolicy = RestartPolicy(rawValue: spec["restartPolicy"]?.string ?? "") ?? .always
    let seconds = spec["terminationGracePeriodSeconds"]?.integer ?? 30
    self.gracePeriod = max(Self.minimumGracePeriod, .seconds(seconds))
    self.activeDeadline = spec["activeDeadlineSeconds"]?.integer.map { .seconds($0) }
    self.metadata = metadata
    self.spec = spec
  }

  /// The same pod, rewritten with another uid and deadline: a simulation has no time to decode each text.
  /// - Parameter lateness: how much later than that the kubelet looks.
  package func expiring(uid: String, seconds: Int64, lateness: Duration) -> PodManifest {
    var pod = self
    pod.uid = uid
    pod.metadata["uid"] = .string(uid)
    pod.spec["activeDeadlineSeconds"] = .integer(seconds)
    pod.activeDeadline = .seconds(seconds) + lateness
    return pod
  }

  /// The behaviour of a pretended container.
  public func pretendBehaviour(of container: String) -> PretendBehaviour {
    self.pretend[container] ?? PretendBehaviour()
  }

  /// A container or init container.
  func container(named name: String) -> Container? {
    (self.initContainers + self.containers).first { $0.name == name }
  }

  /// The container's part of `spec`.
  func spec(ofContainer name: String) -> JSONValue? {
    ["initContainers", "containers"].lazy.flatMap { self.spec[$0]?.elements ?? [] }
      .first { $0["name"]?.string == name }
  }

  /// Why a document is no v1 Pod; `nil` when it is one.
  private static func kindProblem(of document: JSONValue) -> FieldProblem? {
    switch document {
    case .null: return FieldProblem(field: "kind", "Object 'Kind' is missing in 'null'")
    case .object: break
    default:
      return FieldProblem(
        field: nil,
        "couldn't get version/kind; json parse error: the document is a \(document.kind)")
    }
    guard let kind = document["kind"]?.string, !kind.isEmpty else {
      return FieldProblem(field: "kind", "Object 'Kind' is missing")
    }
    guard let version = document["apiVersion"]?.string, !version.isEmpty else {
      return FieldProblem(field: "apiVersion", "Object 'apiVersion' is missing")
    }
    guard version == "v1" else {
      return FieldProblem(
        field: "apiVersion", "no kind \"\(kind)\" is registered for version \"\(version)\"")
    }
    guard kind == "Pod" else {
      return FieldProblem(field: "kind", "invalid pod: a file holds one Pod, not a \(kind)")
    }
    return nil
  }
}
