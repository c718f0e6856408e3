/// The changes of nodes that the database has only as events.
///
/// A change is durable with its event: a whole batch is one place in the file. The rows of the nodes are
/// scattered, so they are written later and together; a key that changed a thousand times is written once.
package struct Backlog: Sendable {
  /// The changed nodes as they are now; `nil` for a removed one.
  package private(set) var nodes: [StorePath: TreeNode?] = [:]
  package private(set) var changeCount = 0

  /// The most changes that a start after a crash has to redo.
  package static let limit = 8192

  package init() {}

  mutating func add(_ change: Change) {
    self.changeCount += 1
    for path in change.removed { self.nodes.updateValue(nil, forKey: path) }
    for written in change.written { self.nodes.updateValue(written.node, forKey: written.path) }
  }
}
