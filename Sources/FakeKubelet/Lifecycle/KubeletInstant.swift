/// A point in time on the monotonic clock, counted from the kubelet's start.
package struct KubeletInstant: Comparable, Hashable, Sendable, CustomStringConvertible {
  package let sinceStart: Duration

  package init(sinceStart: Duration) {
    self.sinceStart = sinceStart
  }

  package static func < (left: Self, right: Self) -> Bool { left.sinceStart < right.sinceStart }

  package static func + (instant: Self, duration: Duration) -> Self {
    Self(sinceStart: instant.sinceStart + duration)
  }

  package static func - (left: Self, right: Self) -> Duration {
    left.sinceStart - right.sinceStart
  }

  package var description: String { "\(self.sinceStart)" }
}
