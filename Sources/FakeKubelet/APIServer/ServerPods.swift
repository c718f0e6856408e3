import KubernetesClient
import KubernetesObjects

/// A pod as the API server has it.
struct ServerPod: Equatable, Sendable {
  let name: PodName
  let uid: String
  let version: String
  /// The uid of the static pod whose mirror it is.
  let mirrorHash: String?
  /// The time that it is given to end, when it is to end.
  let deletion: Duration?
  /// Whether it has failed or succeeded, which nothing can change.
  let isTerminal: Bool
  private(set) var object: JSONValue

  static let mirrorAnnotation = "kubernetes.io/config.mirror"

  /// `nil` for what has no name or no uid.
  init?(_ object: JSONValue) {
    guard let metadata = object["metadata"], let name = metadata["name"]?.string,
      let uid = metadata["uid"]?.string
    else { return nil }
    self.name = PodName(namespace: metadata["namespace"]?.string ?? "default", name: name)
    self.uid = uid
    self.version = metadata["resourceVersion"]?.string ?? ""
    self.mirrorHash = metadata["annotations"]?[Self.mirrorAnnotation]?.string
    self.deletion =
      metadata["deletionTimestamp"]?.string == nil
      ? nil : .seconds(metadata["deletionGracePeriodSeconds"]?.integer ?? 30)
    let phase = object["status"]?["phase"]?.string
    self.isTerminal = phase == "Succeeded" || phase == "Failed"
    self.object = object
  }

  /// Puts a node's words about the pod in the place of those before; what others have written into the
  /// status stays.
  mutating func set(status: JSONValue) {
    self.object["status"] = StatusReports.merged(self.object["status"] ?? [:], status)
  }
}

/// What the API server has of this node's pods, as far as it was heard of: from its watch, and from its
/// answers to our own requests, which come earlier.
struct ServerPods: Equatable, Sendable {
  private let nodeName: String
  private(set) var pods: [PodName: ServerPod] = [:]
  /// Whether it has told all of them at least once.
  private(set) var isKnown = false

  init(nodeName: String) {
    self.nodeName = nodeName
  }

  /// Takes in what the watch says.
  mutating func take(_ change: CollectionChange) {
    switch change {
    case .listed(let objects):
      self.isKnown = true
      self.pods = [:]
      for object in objects { self.put(object) }
    case .present(let object): self.put(object)
    case .deleted(let object):
      guard let pod = ServerPod(object) else { return }
      self.gone(pod.name, uid: pod.uid)
    }
  }

  /// Takes in a pod as it is now. What the watch says of an earlier state of it is passed over.
  mutating func put(_ object: JSONValue) {
    guard object["spec"]?["nodeName"]?.string == self.nodeName, let pod = ServerPod(object)
    else { return }
    if let known = self.pods[pod.name], known.uid == pod.uid, let before = Int64(known.version),
      let version = Int64(pod.version), version < before
    {
      return
    }
    self.pods[pod.name] = pod
  }

  /// Takes in what is in a place, whatever was heard before; `nil` for nothing.
  mutating func replace(_ name: PodName, with object: JSONValue?) {
    self.pods[name] = nil
    if let object { self.put(object) }
  }

  /// There is no pod of that name and uid any more.
  mutating func gone(_ name: PodName, uid: String) {
    if self.pods[name]?.uid == uid { self.pods[name] = nil }
  }
}

/// What is to be asked of the API server about one pod.
enum PodRequest: Equatable, Sendable {
  case create(PodName, JSONValue)
  /// At once, without grace, and only that one.
  case delete(PodName, uid: String)
  /// - change: tells what the node had to say from what it had before.
  case postStatus(PodName, uid: String, status: JSONValue, change: UInt64)

  var name: PodName {
    switch self {
    case .create(let name, _), .delete(let name, _), .postStatus(let name, _, _, _): name
    }
  }
}
