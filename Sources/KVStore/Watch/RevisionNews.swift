/// What a publication of the v3 keyspace tells the watchers of one key or range.
///
/// An object: a thousand watchers of a key share it, and with it the look for its events.
package final class RevisionNews: Sendable {
  /// After the changes.
  package let tree: RevisionTree
  /// The changes of the range since ``RevisionTree/formerRevision``, in their order; `nil` where they are many: then a
  /// watcher reads them from the tree, as far as its client takes them.
  package let events: [RevisionEvent]?

  private static let mostEvents = 100
  private static let mostBytes = 1 << 20

  package init(_ tree: RevisionTree, _ revisions: [Revision]) {
    self.tree = tree
    guard revisions.count <= Self.mostEvents else {
      self.events = nil
      return
    }
    let events = revisions.compactMap { tree.event(at: $0) }
    let byteCount = events.reduce(0) { $0 + $1.byteCount(withPrevious: true) }
    self.events =
      events.count == revisions.count && byteCount <= Self.mostBytes ? events : nil
  }
}
