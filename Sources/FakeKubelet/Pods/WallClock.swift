import FoundationEssentials
import Glibc

/// Turns instants into times of day, for people: nothing is decided by them.
///
/// Taken once, at the start, so that the times of a pod agree with each other when somebody sets the
/// machine's clock.
struct WallClock: Sendable {
  /// The time of day at ``Instant/sinceStart`` zero.
  let secondsAtStart: Int64
  let nanosecondsAtStart: Int64

  /// The machine's clock, for a kubelet that starts this moment.
  static var now: Self {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Self(secondsAtStart: Int64(time.tv_sec), nanosecondsAtStart: Int64(time.tv_nsec))
  }

  /// RFC 3339 in UTC, in whole seconds: `2026-11-23T10:35:06Z`.
  func seconds(_ instant: Instant) -> String {
    Self.text(self.time(instant).seconds) + "Z"
  }

  /// RFC 3339 in UTC, with nine fractional digits.
  func nanoseconds(_ instant: Instant) -> String {
    let (seconds, nanoseconds) = self.time(instant)
    let digits = String(nanoseconds)
    return Self.text(seconds) + "." + String(repeating: "0", count: 9 - digits.count) + digits + "Z"
  }

  private func time(_ instant: Instant) -> (seconds: Int64, nanoseconds: Int64) {
    let (seconds, attoseconds) = instant.sinceStart.components
    let nanoseconds = self.nanosecondsAtStart + attoseconds / 1_000_000_000
    return (
      self.secondsAtStart + seconds + nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000
    )
  }

  private static func text(_ seconds: Int64) -> String {
    let date = Date(timeIntervalSince1970: Double(seconds))
    return String(date.formatted(.iso8601).dropLast())
  }
}
