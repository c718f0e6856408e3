import Glibc

/// A point in time since the machine was started, the time that it was suspended included: the same
/// for all processes of a machine, and set by nobody.
///
/// It is `CLOCK_BOOTTIME`, and on Linux so is `ContinuousClock`. Source: `swift_get_time` in
/// `stdlib/public/Concurrency/Clock.cpp` of Swift.
public struct BootInstant: Comparable, Hashable, Sendable, CustomStringConvertible {
  /// What goes over the wire.
  package let nanoseconds: Int64

  package init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  /// The same point in time. Should the two clocks ever differ, or the process be stopped between the
  /// two looks, it is too early rather than too late.
  init(_ instant: ContinuousClock.Instant) {
    let now = Self.now
    self = now + ContinuousClock.now.duration(to: instant)
  }

  static var now: BootInstant {
    var time = Glibc.timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return BootInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  var timespec: timespec {
    Glibc.timespec(
      tv_sec: Int(self.nanoseconds / 1_000_000_000), tv_nsec: Int(self.nanoseconds % 1_000_000_000))
  }

  public static func < (left: BootInstant, right: BootInstant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  static func + (instant: BootInstant, duration: Duration) -> BootInstant {
    let (seconds, attoseconds) = duration.components
    return BootInstant(
      nanoseconds: instant.nanoseconds + seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
  }

  static func - (later: BootInstant, earlier: BootInstant) -> Duration {
    .nanoseconds(later.nanoseconds - earlier.nanoseconds)
  }

  public var description: String { "\(Duration.nanoseconds(self.nanoseconds))" }
}
