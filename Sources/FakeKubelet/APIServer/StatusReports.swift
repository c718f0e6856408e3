import KubernetesObjects

/// Decides which pod statuses are posted, as a value: the latest status of each pod, once.
///
/// A status that another program has overwritten is corrected, at most every ten seconds.
/// Source: `pkg/kubelet/status/status_manager.go`, 1.32.
struct StatusReports: Equatable, Sendable {
  /// A pod whose status is posted.
  struct Subject: Equatable, Sendable {
    /// The uid of the server's pod.
    var uid: String
    /// The number of the pod's state.
    var change: UInt64
  }

  private struct Posted: Equatable {
    var subject: Subject
    var status: JSONValue
    var at: KubeletInstant
    /// The resource version after the request.
    var version: String
  }

  static let correctionInterval: Duration = .seconds(10)

  private var posted: [PodName: Posted] = [:]

  /// The next requests, in the order of the names.
  /// - Parameter status: the kubelet's status of a pod; `nil` when it has none.
  mutating func requests(
    for subjects: [PodName: Subject], on server: ServerPods, at now: KubeletInstant,
    status: (PodName) -> JSONValue?
  ) -> [PodRequest] {
    self.posted = self.posted.filter { subjects[$0.key]?.uid == $0.value.subject.uid }
    var requests: [PodRequest] = []
    for (name, subject) in subjects.sorted(by: { $0.key < $1.key }) {
      guard let found = server.pods[name], found.uid == subject.uid else { continue }
      let before = self.posted[name]
      if before?.subject == subject, before?.version == found.version { continue }
      guard let status = status(name).map(Self.normal) else { continue }
      if let before {
        let isNew = before.status != status
        let shown = Self.normal(found.object["status"] ?? [:])
        let isWrong = Self.merged(shown, before.status) != shown
        if !isNew, !isWrong {
          self.posted[name]?.subject = subject
          self.posted[name]?.version = found.version
          continue
        }
        if !isNew, now - before.at < Self.correctionInterval { continue }
      }
      requests.append(
        .postStatus(name, uid: subject.uid, status: status, change: subject.change))
    }
    return requests
  }

  /// Records a successful request.
  mutating func posted(
    _ name: PodName, uid: String, status: JSONValue, change: UInt64, version: String,
    at now: KubeletInstant
  ) {
    self.posted[name] = Posted(
      subject: Subject(uid: uid, change: change), status: status, at: now, version: version)
  }

  /// Whether this state of a pod, or a later one, has been posted.
  func hasPosted(_ name: PodName, _ subject: Subject) -> Bool {
    self.posted[name].map { $0.subject.uid == subject.uid && $0.subject.change >= subject.change }
      ?? false
  }

  /// The server's status with the kubelet's fields; fields of other programs stay.
  static func merged(_ shown: JSONValue, _ ours: JSONValue) -> JSONValue {
    var status = shown
    for field in ["reason", "message", "initContainerStatuses"] { status[field] = nil }
    for (field, value) in ours.members { status[field] = value }
    if let own = ours["conditions"]?.elements {
      status["conditions"] = .array(own + Self.strangers(shown["conditions"]?.elements ?? []))
    }
    return status
  }

  /// The conditions of other programs, such as those of readiness gates: they stay.
  ///
  /// Source: `pkg/kubelet/types/pod_status.go` PodConditionByKubelet.
  private static func strangers(_ conditions: [JSONValue]) -> [JSONValue] {
    conditions.filter { !Self.ownConditions.contains($0["type"]?.string ?? "") }
  }

  private static let ownConditions: Set<String> = [
    "PodScheduled", "Ready", "Initialized", "ContainersReady", "PodReadyToStartContainers",
  ]

  /// Without nulls and empty objects, which servers drop.
  static func normal(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members):
      var result: [String: JSONValue] = [:]
      for (key, member) in members where member != .null {
        let member = Self.normal(member)
        if member != [:] { result[key] = member }
      }
      return .object(result)
    case .array(let elements): return .array(elements.map(Self.normal))
    default: return value
    }
  }
}
