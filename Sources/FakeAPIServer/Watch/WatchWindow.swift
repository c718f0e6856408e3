import DequeModule
import KubernetesObjects

/// The latest changes of one resource's objects, as a value. All watchers are served from it, from whatever
/// index they begin.
struct WatchWindow: Sendable {
  /// One change of one object.
  struct Change: Equatable, Sendable {
    /// The store's index, which is the object's new resource version.
    let index: UInt64
    /// `nil` for a new object.
    let former: JSONValue?
    /// `nil` for a deleted object.
    let object: JSONValue?
    /// The object's text, made once for all watchers; `nil` for a deleted object.
    var json: [UInt8]?
  }

  /// The largest number of changes kept.
  static let limit = 10_000

  /// All changes after this index are here.
  private(set) var floor: UInt64
  /// All changes up to this index are here.
  private(set) var last: UInt64
  private var changes: Deque<Change> = []

  /// - Parameter index: the changes after it will be appended.
  init(after index: UInt64) {
    self.floor = index
    self.last = index
  }

  /// - Returns: whether the change is new. If it is not, ``advance(to:)`` was told too much.
  @discardableResult
  mutating func append(_ change: Change) -> Bool {
    guard change.index > self.last else { return false }
    self.changes.append(change)
    self.last = change.index
    if self.changes.count > Self.limit, let oldest = self.changes.popFirst() {
      self.floor = oldest.index
    }
    return true
  }

  /// Takes note that there is no other change up to an index. Without it, the window of a quiet resource would
  /// fall behind etcd's history, which all keys share.
  mutating func advance(to index: UInt64) { self.last = max(self.last, index) }

  /// - Returns: `nil` when some of these changes are no longer kept.
  func changes(after index: UInt64) -> [Change]? {
    guard index >= self.floor else { return nil }
    guard index < self.last else { return [] }
    let newer = self.changes.reversed().prefix { $0.index > index }
    return newer.reversed()
  }
}
