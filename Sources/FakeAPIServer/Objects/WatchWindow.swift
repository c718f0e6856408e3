import DequeModule
import KubernetesObjects

/// What has happened to the objects of one resource lately, as a value: from here watchers are served, however
/// many they are and wherever they begin.
struct WatchWindow: Sendable {
  /// One change of one object.
  struct Change: Equatable, Sendable {
    /// The store's index, which is the object's resource version from then on.
    let index: UInt64
    /// `nil` when it was not there.
    let former: JSONValue?
    /// `nil` when it is not there any more.
    let object: JSONValue?
    /// The object's text, made once for all watchers; `nil` when there is none.
    var json: [UInt8]?
  }

  /// More than these are forgotten.
  static let limit = 10_000

  /// Everything after this index is here.
  private(set) var floor: UInt64
  /// Everything up to this index is here.
  private(set) var last: UInt64
  private var changes: Deque<Change> = []

  /// - Parameter index: what comes after it will be told.
  init(after index: UInt64) {
    self.floor = index
    self.last = index
  }

  mutating func append(_ change: Change) {
    guard change.index > self.last else { return }
    self.changes.append(change)
    self.last = change.index
    if self.changes.count > Self.limit, let oldest = self.changes.popFirst() {
      self.floor = oldest.index
    }
  }

  /// - Returns: `nil` when some of it is forgotten.
  func changes(after index: UInt64) -> [Change]? {
    guard index >= self.floor else { return nil }
    guard index < self.last else { return [] }
    let newer = self.changes.reversed().prefix { $0.index > index }
    return newer.reversed()
  }
}

/// What a watcher with a selection sees of a change.
///
/// Source: Kubernetes API concepts, "Efficient detection of changes": an object that comes into the selection
/// is ADDED, one that leaves it DELETED.
struct WatchEvent: Equatable, Sendable {
  enum Kind: String, Sendable {
    case added = "ADDED"
    case modified = "MODIFIED"
    case deleted = "DELETED"
    case bookmark = "BOOKMARK"
    case error = "ERROR"
  }

  let kind: Kind
  let object: JSONValue
  /// The object's text, where somebody has it already.
  var json: [UInt8]?

  init(_ kind: Kind, _ object: JSONValue) {
    self.kind = kind
    self.object = object
  }

  /// - Returns: `nil` when the watcher sees nothing of it.
  init?(_ change: WatchWindow.Change, isSelected: (JSONValue) -> Bool) {
    let was = change.former.map(isSelected) ?? false
    let isNow = change.object.map(isSelected) ?? false
    switch (was, isNow) {
    case (false, true): self.kind = .added
    case (true, true): self.kind = .modified
    case (true, false): self.kind = .deleted
    case (false, false): return nil
    }
    // As it was last, at the index of its end.
    guard var object = isNow ? change.object : change.former else { return nil }
    let version = JSONValue.string(String(change.index))
    if isNow, object["metadata"]?["resourceVersion"] == version {
      self.json = change.json
    } else {
      object["metadata"]?["resourceVersion"] = version
    }
    self.object = object
  }
}

/// What one watcher sees of all that happens to a resource.
struct WatchView: Sendable {
  /// What happened up to this index is known to it.
  let start: UInt64
  let isSelected: @Sendable (JSONValue) -> Bool
  /// Of what it wants bookmarks: how far it is, without any object; `nil` for none.
  let bookmark: APIResource?

  /// - Returns: `nil` when the watcher sees nothing of it.
  func event(of news: WatchFeed.News) -> WatchEvent? {
    switch news {
    case .change(let change):
      change.index > self.start ? WatchEvent(change, isSelected: self.isSelected) : nil
    case .complete(let index):
      self.bookmark.map { resource in
        WatchEvent(
          .bookmark,
          [
            "kind": .string(resource.kind), "apiVersion": .string(resource.apiVersion),
            "metadata": ["resourceVersion": .string(String(max(self.start, index)))],
          ])
      }
    case .expired:
      WatchEvent(.error, APIFailure.expired("the history of etcd has been cleared").status)
    }
  }
}
