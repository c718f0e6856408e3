/// The effect of a command: the event for clients, and the rows for the disk.
package struct Change: Equatable, Sendable {
  package let event: Event
  /// New and changed nodes, parents first.
  package let written: [WrittenNode]
  /// Removed paths, children before their directory.
  package let removed: [StorePath]

  package struct WrittenNode: Equatable, Sendable {
    let path: StorePath
    let node: TreeNode
  }
}
