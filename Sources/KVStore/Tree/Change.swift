/// The effect of a command: the event for clients, and what the disk and the watchers need besides.
package struct Change: Equatable, Sendable {
  package let event: Event
  /// The directories that were made above the key, parents first.
  package let madeDirectories: [StorePath]
  /// The removed node with everything below; `nil` for a change that removes nothing.
  package let removed: TreeNode?

  init(_ event: Event, madeDirectories: [StorePath] = [], removed: TreeNode? = nil) {
    self.event = event
    self.madeDirectories = madeDirectories
    self.removed = removed
  }
}
