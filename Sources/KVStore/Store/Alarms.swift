import Logging
import Synchronization

/// What is wrong with the store, as the v3 API tells it: an alarm stays, also over a restart, until somebody
/// deactivates it.
///
/// Source: etcd's `v3alarm`.
final class Alarms: Sendable {
  enum Alarm: String, CaseIterable, Sendable {
    /// Nothing that adds to the store is taken.
    case noSpace = "NOSPACE"
    case corrupt = "CORRUPT"
  }

  private let database: Database
  private let logger: Logger
  private let raised: Mutex<Set<Alarm>>
  /// One after the other.
  private let changes = Mutex(())
  /// In bytes; `nil` for none.
  let quota: Int64?

  init(_ raised: Set<Alarm>, database: Database, quota: Int64?, logger: Logger) {
    self.database = database
    self.logger = logger
    self.quota = quota
    self.raised = Mutex(raised)
  }

  var current: Set<Alarm> { self.raised.withLock { $0 } }

  /// It blocks.
  /// - Throws: when the disk does not take it; nothing has changed then.
  func set(_ alarm: Alarm, isRaised: Bool) throws {
    // The disk may take its time, and requests look at ``current`` meanwhile.
    try self.changes.withLock { _ in
      var new = self.current
      if isRaised { new.insert(alarm) } else { new.remove(alarm) }
      guard new != self.current else { return }
      try self.database.commit(new)
      self.raised.withLock { $0 = new }
    }
  }

  /// Raises the alarm when the tables have outgrown the quota. It blocks.
  func check(_ size: Database.Size) {
    guard let quota, size.inUse > quota, !self.current.contains(.noSpace) else { return }
    self.logger.error(
      "The store has outgrown --quota-backend-bytes: until the alarm is deactivated, nothing is added",
      metadata: ["bytes": "\(size.inUse)", "quota": "\(quota)"])
    do {
      try self.set(.noSpace, isRaised: true)
    } catch {
      self.logger.error("Could not write the alarm to disk", metadata: ["err": "\(error)"])
    }
  }
}
