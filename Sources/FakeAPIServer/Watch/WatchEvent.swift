import KubernetesObjects

/// A change as a watcher with a selection sees it.
///
/// Source: Kubernetes API concepts, "Efficient detection of changes": an object that enters the selection is
/// ADDED, an object that leaves it is DELETED.
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
  /// The object's text where it exists already.
  var json: [UInt8]?

  init(_ kind: Kind, _ object: JSONValue) {
    self.kind = kind
    self.object = object
  }

  /// - Returns: `nil` when the change is outside of the selection.
  init?(_ change: WatchWindow.Change, isSelected: (JSONValue) -> Bool) {
    let was = change.former.map(isSelected) ?? false
    let isNow = change.object.map(isSelected) ?? false
    switch (was, isNow) {
    case (false, true): self.kind = .added
    case (true, true): self.kind = .modified
    case (true, false): self.kind = .deleted
    case (false, false): return nil
    }
    // A deleted object is shown in its last state, with the index of the deletion.
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

/// One watcher's view of a resource's changes.
struct WatchView: Sendable {
  /// The watcher knows the changes up to this index.
  let start: UInt64
  let isSelected: @Sendable (JSONValue) -> Bool
  /// The resource of its bookmarks, which carry the reached version alone; `nil` for no bookmarks.
  let bookmark: APIResource?

  /// - Returns: `nil` when the watcher sees nothing.
  func event(of item: WatchFeed.Item) -> WatchEvent? {
    switch item {
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
