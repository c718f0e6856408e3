import FoundationEssentials
import KubernetesObjects

/// Decides which events are written to the API server, as a value.
///
/// - Equal notes about the same subject are one event with a count and its first and last time.
/// - More than ten different messages for one reason within ten minutes become one event.
/// - A subject may have 25 events at once and then one every five minutes; others are dropped.
/// - Events wait while no server answers. While a thousand wait, new ones are dropped.
///
/// Source of the rules and figures: client-go, `tools/record/events_cache.go`.
public struct EventRecorder: Sendable {
  static let similarLimit = 10
  static let similarInterval: TimeInterval = 600
  static let burst = 25.0
  static let refillInterval: TimeInterval = 300
  static let memory = 4096
  static let queueLimit = 1000

  /// The identity of an event.
  public struct Key: Hashable, Sendable {
    var subject: EventSubject
    var isWarning: Bool
    var reason: String
    /// `nil` for an event that combines several messages.
    var message: String?
  }

  private struct Entry {
    var name: String
    var message: String
    var first: Date
    var last: Date
    var count: Int
    /// Whether the server has the event, perhaps with an older count.
    var isCreated = false
    var isQueued = false
  }

  private struct Similar {
    var messages: Set<String>
    var last: Date
  }

  private struct Bucket {
    var tokens: Double
    var filledAt: Date
  }

  private let component: String
  private let host: String
  private var entries: [Key: Entry] = [:]
  private var similar: [Key: Similar] = [:]
  private var buckets: [EventSubject: Bucket] = [:]
  private var queue: [Key] = []
  /// How many events were dropped because too many waited.
  public private(set) var dropped = 0

  /// - Parameters:
  ///   - component: the program that reports the events, such as `kubelet`.
  ///   - host: its node; may be empty.
  public init(component: String, host: String) {
    self.component = component
    self.host = host
  }

  /// Records an event.
  /// - Parameters:
  ///   - note: the event's content.
  ///   - subject: the object that it is about.
  ///   - now: the wall clock.
  public mutating func record(_ note: EventNote, about subject: EventSubject, at now: Date) {
    let (key, message) = self.combined(note, about: subject, at: now)
    guard self.takeToken(for: subject, at: now) else { return }
    var entry =
      self.entries[key]
      ?? Entry(name: Self.name(subject, now), message: message, first: now, last: now, count: 0)
    if !entry.isQueued {
      guard self.queue.count < Self.queueLimit else {
        self.dropped += 1
        return
      }
      entry.isQueued = true
      self.queue.append(key)
    }
    entry.count += 1
    entry.last = now
    entry.message = message
    self.entries[key] = entry
    self.forget(at: now)
  }

  /// The next event to write; `nil` when none waits.
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

  /// Records the result of a request.
  /// - Parameters:
  ///   - key: of the event that was sent.
  ///   - count: as it was sent; the event is written again when it was repeated meanwhile.
  ///   - error: `nil` for a success.
  ///   - now: the wall clock.
  public mutating func sent(_ key: Key, count: Int, error: APIServerError?, at now: Date) {
    guard var entry = self.entries[key] else { return }
    switch error {
    // The event exists: an earlier request was carried out and its answer was lost.
    case nil: entry.isCreated = true
    case let error? where error.isConflict && !entry.isCreated: entry.isCreated = true
    case let error? where error.isServersTrouble: return
    case let error? where error.isNotFound && entry.isCreated:
      // The server has removed the old event: create a new one.
      entry.isCreated = false
      entry.name = Self.name(key.subject, now)
      self.entries[key] = entry
      return
    case _?: break
    }
    if error != nil || entry.count == count {
      entry.isQueued = false
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

  /// The event that a note belongs to, and that event's message.
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
    // All containers of a pod share one bucket.
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

  /// Bounds the memory; events that wait are kept.
  private mutating func forget(at now: Date) {
    guard self.remembered >= Self.memory + Self.queueLimit else { return }
    self.entries = Self.newest(self.entries, \.last) { $0.isQueued }
    self.similar = Self.newest(self.similar, \.last) { _ in false }
    self.buckets = Self.newest(self.buckets, \.filledAt) { _ in false }
  }

  /// The largest of the tables.
  var remembered: Int { max(self.entries.count, self.similar.count, self.buckets.count) }

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
