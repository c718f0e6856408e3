import FoundationEssentials
import KubernetesObjects

/// What somebody is told by an event.
public struct EventSubject: Hashable, Sendable {
  public var kind: String
  /// Empty for what is in no namespace, such as a node; its events are in `default`.
  public var namespace: String
  public var name: String
  public var uid: String
  /// What part of it: `spec.containers{main}`.
  public var fieldPath: String?

  public init(
    kind: String, namespace: String = "", name: String, uid: String, fieldPath: String? = nil
  ) {
    self.kind = kind
    self.namespace = namespace
    self.name = name
    self.uid = uid
    self.fieldPath = fieldPath
  }
}

/// What is told.
public struct EventNote: Hashable, Sendable {
  public var isWarning: Bool
  /// One word for programs, such as `Started`.
  public var reason: String
  /// A sentence for people.
  public var message: String

  public init(isWarning: Bool = false, reason: String, message: String) {
    self.isWarning = isWarning
    self.reason = reason
    self.message = message
  }
}

/// Which events are to be written to the API server, as a value: repetitions are counted, not written anew,
/// and nobody is flooded.
///
/// - The same words about the same thing are one event, with a count and its first and last time.
/// - More than ten different messages for one reason within ten minutes become one event.
/// - About one thing 25 may come at once, and then one every five minutes; the others are left out.
/// - What cannot be written waits; while a thousand wait, new ones are left out.
///
/// Source: client-go, `tools/record/events_cache.go`, whose figures these are.
public struct EventRecorder: Sendable {
  package static let similarLimit = 10
  package static let similarInterval: TimeInterval = 600
  package static let burst = 25.0
  package static let refillInterval: TimeInterval = 300
  package static let memory = 4096
  package static let queueLimit = 1000

  /// What makes two events the same.
  public struct Key: Hashable, Sendable {
    package var subject: EventSubject
    package var isWarning: Bool
    package var reason: String
    /// `nil` for one that stands for many messages.
    package var message: String?
  }

  private struct Entry {
    package var name: String
    package var message: String
    package var first: Date
    package var last: Date
    package var count: Int
    /// Whether the server has it, in some state.
    package var isCreated = false
    package var waits = false
  }

  private struct Similar {
    package var messages: Set<String>
    package var last: Date
  }

  private struct Bucket {
    package var tokens: Double
    package var filledAt: Date
  }

  private let component: String
  private let host: String
  private var entries: [Key: Entry] = [:]
  private var similar: [Key: Similar] = [:]
  private var buckets: [EventSubject: Bucket] = [:]
  private var queue: [Key] = []
  /// How many were left out because too many waited.
  public private(set) var dropped = 0

  /// - Parameters:
  ///   - component: who tells it, `kubelet`.
  ///   - host: on which node; may be empty.
  public init(component: String, host: String) {
    self.component = component
    self.host = host
  }

  /// Takes in what happened.
  /// - Parameter now: the wall clock.
  public mutating func record(_ note: EventNote, about subject: EventSubject, at now: Date) {
    let (key, message) = self.combined(note, about: subject, at: now)
    guard self.takeToken(for: subject, at: now) else { return }
    var entry =
      self.entries[key]
      ?? Entry(name: Self.name(subject, now), message: message, first: now, last: now, count: 0)
    if !entry.waits {
      guard self.queue.count < Self.queueLimit else {
        self.dropped += 1
        return
      }
      entry.waits = true
      self.queue.append(key)
    }
    entry.count += 1
    entry.last = now
    entry.message = message
    self.entries[key] = entry
    self.forget(at: now)
  }

  /// What is to be written next; `nil` when nothing waits.
  public var next: (key: Key, request: APIRequest, count: Int)? {
    guard let key = self.queue.first, let entry = self.entries[key] else { return nil }
    let namespace = key.subject.namespace.isEmpty ? "default" : key.subject.namespace
    let collection = "/api/v1/namespaces/\(namespace)/events"
    guard !entry.isCreated else {
      return (
        key,
        APIRequest(
          "PATCH", "\(collection)/\(entry.name)",
          [
            "count": .integer(Int64(entry.count)), "message": .string(entry.message),
            "lastTimestamp": .string(KubernetesTime.seconds(entry.last)),
          ]), entry.count
      )
    }
    return (
      key, APIRequest("POST", collection, self.object(key, entry, namespace: namespace)),
      entry.count
    )
  }

  /// Takes in what became of it.
  /// - Parameters:
  ///   - count: of what was sent: when the event was repeated meanwhile, it is written again.
  ///   - error: why it was not written; `nil` when it was.
  public mutating func sent(_ key: Key, count: Int, error: APIServerError?, at now: Date) {
    guard var entry = self.entries[key] else { return }
    switch error {
    // One that exists came to the server before, without our hearing of it.
    case nil: entry.isCreated = true
    case let error? where error.isConflict && !entry.isCreated: entry.isCreated = true
    case let error? where error.isServersTrouble: return
    case let error? where error.isNotFound && entry.isCreated:
      // Old events are thrown away: it begins anew.
      entry.isCreated = false
      entry.name = Self.name(key.subject, now)
      self.entries[key] = entry
      return
    case _?: break
    }
    if error != nil || entry.count == count {
      entry.waits = false
      self.queue.removeAll { $0 == key }
    }
    self.entries[key] = entry
  }

  private func object(_ key: Key, _ entry: Entry, namespace: String) -> JSONValue {
    let subject = key.subject
    var involved: JSONValue = [
      "kind": .string(subject.kind), "apiVersion": "v1", "name": .string(subject.name),
      "uid": .string(subject.uid),
    ]
    if !subject.namespace.isEmpty { involved["namespace"] = .string(subject.namespace) }
    involved["fieldPath"] = subject.fieldPath.map { .string($0) }
    var source: JSONValue = ["component": .string(self.component)]
    if !self.host.isEmpty { source["host"] = .string(self.host) }
    return [
      "kind": "Event", "apiVersion": "v1",
      "metadata": ["name": .string(entry.name), "namespace": .string(namespace)],
      "involvedObject": involved, "type": key.isWarning ? "Warning" : "Normal",
      "reason": .string(key.reason), "message": .string(entry.message), "source": source,
      "firstTimestamp": .string(KubernetesTime.seconds(entry.first)),
      "lastTimestamp": .string(KubernetesTime.seconds(entry.last)),
      "count": .integer(Int64(entry.count)),
    ]
  }

  /// Which event it belongs to, and what that says.
  private mutating func combined(
    _ note: EventNote, about subject: EventSubject, at now: Date
  ) -> (Key, message: String) {
    var key = Key(
      subject: subject, isWarning: note.isWarning, reason: note.reason, message: nil)
    var similar = self.similar[key] ?? Similar(messages: [], last: now)
    if now.timeIntervalSince(similar.last) > Self.similarInterval { similar.messages = [] }
    if similar.messages.count <= Self.similarLimit { similar.messages.insert(note.message) }
    similar.last = now
    self.similar[key] = similar
    if similar.messages.count > Self.similarLimit {
      return (key, "(combined from similar events): \(note.message)")
    }
    key.message = note.message
    return (key, note.message)
  }

  private mutating func takeToken(for subject: EventSubject, at now: Date) -> Bool {
    // One bucket for the whole of a pod.
    var owner = subject
    owner.fieldPath = nil
    var bucket = self.buckets[owner] ?? Bucket(tokens: Self.burst, filledAt: now)
    let refilled = max(0, now.timeIntervalSince(bucket.filledAt)) / Self.refillInterval
    bucket = Bucket(tokens: min(Self.burst, bucket.tokens + refilled), filledAt: now)
    defer { self.buckets[owner] = bucket }
    guard bucket.tokens >= 1 else { return false }
    bucket.tokens -= 1
    return true
  }

  /// Keeps what is remembered within bounds; what waits is not forgotten.
  private mutating func forget(at now: Date) {
    guard self.remembered >= Self.memory + Self.queueLimit else { return }
    self.entries = Self.newest(self.entries, \.last) { $0.waits }
    self.similar = Self.newest(self.similar, \.last) { _ in false }
    self.buckets = Self.newest(self.buckets, \.filledAt) { _ in false }
  }

  /// How much is remembered of any kind.
  package var remembered: Int { max(self.entries.count, self.similar.count, self.buckets.count) }

  private static func newest<Key, Value>(
    _ values: [Key: Value], _ time: (Value) -> Date, unless isKept: (Value) -> Bool
  ) -> [Key: Value] {
    let kept = values.filter { isKept($0.value) }
    let newest = values.sorted { time($0.value) > time($1.value) }.prefix(Self.memory / 2)
    return kept.merging(newest.map { ($0.key, $0.value) }) { $1 }
  }

  /// Source: client-go, `tools/record/event.go` makeEvent.
  private static func name(_ subject: EventSubject, _ now: Date) -> String {
    let nanoseconds = Int64(now.timeIntervalSince1970 * 1e9)
    return "\(subject.name).\(String(nanoseconds, radix: 16))"
  }
}
