import Glibc
import KubernetesObjects

/// Converts instants to the time of day, for display only: no decision uses it.
///
/// The machine's clock is read once, at the kubelet's start, so that the times of a pod agree with each other
/// when the clock is set.
struct WallClock: Sendable {
  /// The time of day at ``KubeletInstant/sinceStart`` zero.
  let secondsAtStart: Int64
  let nanosecondsAtStart: Int64

  /// For a kubelet that starts now.
  static var now: Self {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Self(secondsAtStart: Int64(time.tv_sec), nanosecondsAtStart: Int64(time.tv_nsec))
  }

  /// RFC 3339 in whole seconds.
  func seconds(_ instant: KubeletInstant) -> String {
    KubernetesTime.seconds(self.time(instant).seconds)
  }

  /// RFC 3339 with nine fractional digits.
  func nanoseconds(_ instant: KubeletInstant) -> String {
    let (seconds, nanoseconds) = self.time(instant)
    return KubernetesTime.nanoseconds(seconds, nanoseconds)
  }

  private func time(_ instant: KubeletInstant) -> (seconds: Int64, nanoseconds: Int64) {
    let (seconds, attoseconds) = instant.sinceStart.components
    let nanoseconds = self.nanosecondsAtStart + attoseconds / 1_000_000_000
    return (
      self.secondsAtStart + seconds + nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000
    )
  }
}
