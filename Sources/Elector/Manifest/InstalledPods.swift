/// Which pods may still come of what was installed so far, as a value.
///
/// A manifest that is installed again before the former pod's end is known gives a kubelet two pods, one
/// after the other: the second one starts when the first one has ended, and in between nothing runs.
package struct InstalledPods: Equatable, Sendable {
  /// How many installations there were; whatever was there before ours counts as one.
  package private(set) var count = 1
  private var ended = 0
  /// Whether all former pods had ended when the last one was installed.
  package private(set) var hasOnlyOne = false

  package init() {}

  /// There is another manifest than before, or one where there was none; whoever put it there.
  package mutating func installed() {
    self.hasOnlyOne = self.ended == self.count
    self.count += 1
  }

  /// Nothing runs any more of the first so many.
  package mutating func ended(upTo count: Int) { self.ended = max(self.ended, count) }
}
