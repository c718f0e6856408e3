import KubernetesObjects

/// What has to be said about pods' states, as a value: the latest state of each counts, and is said once.
///
/// What somebody else has written into a status is put right again, at most every ten seconds.
/// Source: `pkg/kubelet/status/status_manager.go`, 1.32.
struct StatusReports: Equatable, Sendable {
  /// What the node has to say about a pod.
  struct Subject: Equatable, Sendable {
    /// Of the pod as the server has it.
    var uid: String
    /// Another one for each state of the pod.
    var change: UInt64
  }

  private struct Posted: Equatable {
    var subject: Subject
    var status: JSONValue
    var at: Instant
    /// Of the object that came of it.
    var version: String
  }

  static let correctionInterval: Duration = .seconds(10)

  private var posted: [PodName: Posted] = [:]

  /// What is to be posted, in the order of the names.
  /// - Parameter status: what the node says of a pod; `nil` when it says nothing.
  mutating func requests(
    for subjects: [PodName: Subject], on server: ServerPods, at now: Instant,
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

  /// Notes that it was posted.
  mutating func posted(
    _ name: PodName, uid: String, status: JSONValue, change: UInt64, version: String,
    at now: Instant
  ) {
    self.posted[name] = Posted(
      subject: Subject(uid: uid, change: change), status: status, at: now, version: version)
  }

  /// Whether the server has been told this state of a pod, or a later one.
  func isTold(_ name: PodName, _ subject: Subject) -> Bool {
    self.posted[name].map { $0.subject.uid == subject.uid && $0.subject.change >= subject.change }
      ?? false
  }

  /// A status with a node's words in it; what others have written stays.
  static func merged(_ shown: JSONValue, _ ours: JSONValue) -> JSONValue {
    var status = shown
    for field in ["reason", "message", "initContainerStatuses"] { status[field] = nil }
    for (field, value) in ours.members { status[field] = value }
    return status
  }

  /// Without nulls and without empty objects, which servers leave out.
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
