/// Which pods of all installations so far may still run, as a value.
///
/// When a manifest is installed again before the end of the former pod is known, the kubelet runs two pods
/// one after the other, and in between it runs none.
package struct InstalledPods: Equatable, Sendable {
  /// The number of installations; what was there before ours counts as one.
  package private(set) var count = 1
  private var ended = 0
  /// Whether all former pods had ended before the last installation.
  package private(set) var hasOnlyOne = false

  package init() {}

  /// Any process has installed another manifest than before.
  package mutating func installed() {
    self.hasOnlyOne = self.ended == self.count
    self.count += 1
  }

  /// The pods of the first installations have ended.
  package mutating func ended(upTo count: Int) { self.ended = max(self.ended, count) }
}
