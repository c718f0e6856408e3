import KubernetesObjects

/// A pod as the kubelet takes it from a file or from the API server: decoded, completed with the API's
/// defaults, judged, and, if it comes from a file, named for its node.
///
/// It is a function of the file's bytes, its path and ``Node``: no clock and no file is read.
/// Source: `pkg/kubelet/config/common.go` tryDecodeSinglePod and applyDefaults.
public struct PodManifest: Equatable, Sendable {
  /// What a manifest is judged and named by, apart from its own text.
  public struct Node: Equatable, Sendable {
    /// The node's name, in lower case.
    public var name: String
    /// Whether containers may ask for privileged mode.
    public var allowsPrivileged: Bool
    /// The real kubelet whose uids are computed; `nil` for 1.26.
    public var kubeletVersion: KubeletVersion?

    public init(
      name: String, allowsPrivileged: Bool = false, kubeletVersion: KubeletVersion? = nil
    ) {
      self.name = name
      self.allowsPrivileged = allowsPrivileged
      self.kubeletVersion = kubeletVersion
    }
  }

  /// What is run.
  public struct Container: Equatable, Sendable {
    /// When it runs.
    public enum Role: Equatable, Sendable {
      /// Before the others, one after the other; each has to end with 0.
      case initial
      /// Begins among the initial ones and goes on beside the others: an init container whose own
      /// restart policy is Always.
      case sidecar
      case main
    }

    public let name: String
    public let image: String
    public let role: Role
    /// What is done before it is asked to stop, within the grace period.
    public let preStop: Hook?
    /// What is done when it has been started.
    public let postStart: Hook?
    public let probes: [Probe.Kind: Probe]

    init(_ container: JSONValue, isInitial: Bool) {
      self.name = container["name"]?.string ?? ""
      self.image = container["image"]?.string ?? ""
      let isSidecar = container["restartPolicy"]?.string == RestartPolicy.always.rawValue
      self.role = isInitial ? (isSidecar ? .sidecar : .initial) : .main
      func hook(_ name: String) -> Hook? {
        container["lifecycle"]?[name].flatMap { Hook($0, container: container) }
      }
      self.preStop = hook("preStop")
      self.postStart = hook("postStart")
      self.probes = Dictionary(
        uniqueKeysWithValues: Probe.Kind.allCases.compactMap { kind in
          Probe(kind, of: container).map { (kind, $0) }
        })
    }
  }

  /// What is done at a turn of a container's life.
  public enum Hook: Equatable, Sendable {
    case sleep(Duration)
    case action(ContainerAction)

    init?(_ hook: JSONValue, container: JSONValue) {
      if let seconds = hook["sleep"]?["seconds"]?.integer {
        self = .sleep(.seconds(seconds))
      } else if let action = ContainerAction(hook, container: container) {
        self = .action(action)
      } else {
        return nil
      }
    }
  }

  /// Who wants the pod; as in the annotation `kubernetes.io/config.source`.
  public enum Source: String, Equatable, Sendable {
    /// A static pod.
    case file
    /// It was bound to this node.
    case api
  }

  /// When an ended container is started again.
  public enum RestartPolicy: String, Equatable, Sendable {
    case always = "Always"
    case onFailure = "OnFailure"
    case never = "Never"
  }

  /// Source: `pkg/kubelet/kuberuntime`, minimumGracePeriodInSeconds.
  static let minimumGracePeriod: Duration = .seconds(2)

  /// A file of this many bytes or more is refused.
  public static let maximumSize = 10 << 20

  public let source: Source
  /// The file's path; of a pod of the API server its place there.
  public let path: String
  /// Namespace and name; a static pod's name ends in that of the node.
  public let name: PodName
  /// The manifest's own, else the one that the real kubelet gives it: a digest of what it says, of the
  /// node and of the path.
  public private(set) var uid: String
  /// In the manifest's order, never empty.
  public let containers: [Container]
  /// In the manifest's order, sidecars among them.
  public let initContainers: [Container]
  public let restartPolicy: RestartPolicy
  /// From SIGTERM to SIGKILL.
  public let gracePeriod: Duration
  /// How long the pod may be active, from its `status.startTime`; `nil` for as long as it likes.
  public private(set) var activeDeadline: Duration?
  private let pretend: [String: PretendBehaviour]
  /// `metadata` as `/pods` shows it, but for the time at which the pod was first seen.
  public private(set) var metadata: JSONValue
  /// `spec` with the API's defaults.
  public private(set) var spec: JSONValue

  /// Reads a file's content.
  /// - Throws: what is wrong with it: everything of one stage, not only the first thing.
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
    var problems: [FieldProblem] = []
    let pod = PodSchema.pod.decode(document, at: "", problems: &problems)
    guard problems.isEmpty else {
      throw ManifestError(path: path, stage: .decode, problems: problems)
    }
    try self.init(pod: pod, source: .file, path: path, node: node)
  }

  /// Reads a pod of the API server's that is bound to this node.
  /// - Throws: why it cannot be run here.
  init(object: JSONValue, node: Node) throws(ManifestError) {
    let metadata = object["metadata"]
    let path =
      "/api/v1/namespaces/\(metadata?["namespace"]?.string ?? "")/pods/"
      + "\(metadata?["name"]?.string ?? "")"
    var problems: [FieldProblem] = []
    var pod = PodSchema.pod.decode(object, at: "", problems: &problems)
    guard problems.isEmpty else {
      throw ManifestError(path: path, stage: .decode, problems: problems)
    }
    // They change with each status, or say that the pod is to end: the pod as such stays the same.
    for field in ["resourceVersion", "generation", "deletionGracePeriodSeconds"] {
      pod["metadata"]?[field] = nil
    }
    pod["metadata"]?["creationTimestamp"] = metadata?["creationTimestamp"]
    try self.init(pod: pod, source: .api, path: path, node: node)
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
      // As with the real one, what is added below does not enter into it.
      metadata["uid"] = .string(
        PodUID.derived(
          metadata: metadata, spec: spec, status: pod["status"] ?? [:], node: node.name,
          path: path, minor: minor))
    }
    PodDefaults.correctGracePeriod(of: &spec)
    if source == .file { metadata["name"] = .string("\(ownName)-\(node.name)") }
    if (metadata["namespace"]?.string ?? "").isEmpty { metadata["namespace"] = "default" }
    spec["nodeName"] = .string(node.name)

    var problems = PodValidation.problems(
      metadata: metadata, spec: spec, allowsPrivileged: node.allowsPrivileged)
    let containers = (spec["containers"]?.elements ?? []).map {
      Container($0, isInitial: false)
    }
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
    self.uid = metadata["uid"]?.string ?? ""
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

  /// How a container behaves when it is only pretended.
  public func pretendBehaviour(of container: String) -> PretendBehaviour {
    self.pretend[container] ?? PretendBehaviour()
  }

  /// A container of either kind.
  func container(named name: String) -> Container? {
    (self.initContainers + self.containers).first { $0.name == name }
  }

  /// The same as it is written.
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

/// A pod's name within its namespace. There is never more than one pod of a name on a node.
public struct PodName: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let namespace: String
  public let name: String

  public init(namespace: String, name: String) {
    self.namespace = namespace
    self.name = name
  }

  public static func < (left: Self, right: Self) -> Bool {
    (left.namespace, left.name) < (right.namespace, right.name)
  }

  public var description: String { "\(self.namespace)/\(self.name)" }
}
