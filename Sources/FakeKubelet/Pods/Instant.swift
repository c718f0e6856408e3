/// A point in time on the monotonic clock, counted from the kubelet's start.
public struct Instant: Comparable, Hashable, Sendable, CustomStringConvertible {
  public let sinceStart: Duration

  public init(sinceStart: Duration) {
    self.sinceStart = sinceStart
  }

  public static func < (left: Self, right: Self) -> Bool { left.sinceStart < right.sinceStart }

  public static func + (instant: Self, duration: Duration) -> Self {
    Self(sinceStart: instant.sinceStart + duration)
  }

  public static func - (left: Self, right: Self) -> Duration {
    left.sinceStart - right.sinceStart
  }

  public var description: String { "\(self.sinceStart)" }
}
