/// A point on this node's monotonic clock, counted from the start of the process.
///
/// The clock counts the time that the machine was suspended, but not the time for which a hypervisor paused it.
/// Nothing that another machine wrote is ever compared with it; only how much time has passed here and there is
/// (`Standstill`).
public struct Instant: Comparable, Hashable, Sendable, CustomStringConvertible {
  public var sinceStart: Duration

  public init(_ sinceStart: Duration) {
    self.sinceStart = sinceStart
  }

  public static let start = Instant(.zero)

  public static func < (left: Instant, right: Instant) -> Bool {
    left.sinceStart < right.sinceStart
  }

  public static func + (instant: Instant, duration: Duration) -> Instant {
    Instant(instant.sinceStart + duration)
  }

  public static func - (later: Instant, earlier: Instant) -> Duration {
    later.sinceStart - earlier.sinceStart
  }

  public var description: String { "\(self.sinceStart)" }
}
