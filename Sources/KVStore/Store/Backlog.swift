/// What has happened to the nodes and is in the database as events only.
///
/// A write is durable with its event, which costs one place in the file for a whole batch; the nodes'
/// rows lie all over it. So they are written later and together, and a key that changed a thousand times
/// meanwhile is written once.
package struct Backlog: Sendable {
  /// How the nodes are now that have changed since they were written; `nil` for one that is gone.
  package private(set) var nodes: [StorePath: TreeNode?] = [:]
  /// How many changes that were.
  package private(set) var changeCount = 0

  /// As many changes are carried out again at a start after a crash.
  package static let limit = 8192

  package init() {}

  mutating func add(_ change: Change) {
    self.changeCount += 1
    for path in change.removed { self.nodes.updateValue(nil, forKey: path) }
    for written in change.written { self.nodes.updateValue(written.node, forKey: written.path) }
  }
}
