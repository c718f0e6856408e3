/// How long things take in an election, derived from the lease's time to live, `--sleep`, the profile and
/// the time that a kubelet takes to stop a pod.
///
/// The order that must hold: TTL > ``renewDeadline`` > ``renewPeriod`` >= ``requestTimeout``, where
/// small numbers bend only to `minimumRequestTimeout`. Names as in client-go.
public struct Timing: Equatable, Sendable {
  /// The lease's time to live on the wire.
  public let ttlSeconds: Int64
  /// The pause between two log lines, two checks of the files, two reads by a follower.
  public let sleep: Duration
  /// `nil` without `--profile`.
  public let profile: Profile?
  public let podStop: PodStop
  /// Whether the kubelet ends the pod by itself when renewals stop, `--manifest-deadline`.
  public let manifestExpires: Bool
  /// M: the time before the lease's earliest end at which the manifest is gone, a third of the lease.
  public let margin: Duration

  /// - Throws: ``TimingError`` that names the flag.
  public init(
    ttlSeconds: Int64, sleep: Duration, profile: Profile? = nil, podStop: PodStop = PodStop(),
    manifestExpires: Bool = false
  ) throws(TimingError) {
    guard (1...Int64(Int32.max)).contains(ttlSeconds) else { throw .ttl(ttlSeconds) }
    guard sleep >= .milliseconds(1) else { throw .sleep(sleep) }
    guard podStop.detection >= .zero else { throw .detection(podStop.detection) }
    let ttl = Duration.seconds(ttlSeconds)
    if manifestExpires {
      // How much earlier the pod's own end comes than the manifest's, and what a kubelet takes to notice
      // a later one.
      let lead = ManifestExpiry.rounding + podStop.detection
      func leavesRoom(_ ttlSeconds: Int64) -> Bool {
        Self.leavesRoom(
          margin: Self.margin(ttl: .seconds(ttlSeconds)) + lead, ttlSeconds: ttlSeconds,
          sleep: sleep)
      }
      guard leavesRoom(ttlSeconds) else {
        throw .deadlineDoesNotFit(
          ttlSeconds: ttlSeconds, margin: Self.margin(ttl: ttl), podStop,
          shortest: Self.shortestTTL(leavesRoom))
      }
    }
    self.ttlSeconds = ttlSeconds
    self.sleep = sleep
    self.profile = profile
    self.podStop = podStop
    self.manifestExpires = manifestExpires
    self.margin = Self.margin(ttl: ttl)
  }

  static let minimumRequestTimeout = Duration.milliseconds(100)

  /// How long files have to be quiet before they are checked: an editor writes in several steps.
  static let settle = Duration.milliseconds(100)

  private static func margin(ttl: Duration) -> Duration { ttl / 3 }

  public var ttl: Duration { .seconds(self.ttlSeconds) }

  /// How long the lease is believed after a granted request was **sent**.
  public var renewDeadline: Duration { self.ttl - self.margin }

  /// The time from one granted request to the next.
  public var renewPeriod: Duration { Self.renewPeriod(ttl: self.ttl, sleep: self.sleep) }

  static func renewPeriod(ttl: Duration, sleep: Duration) -> Duration { min(sleep, ttl / 6) }

  /// The bound of one request to the store.
  public var requestTimeout: Duration { Self.requestTimeout(renewPeriod: self.renewPeriod) }

  static func requestTimeout(renewPeriod: Duration) -> Duration {
    max(min(renewPeriod, .seconds(2)), Self.minimumRequestTimeout)
  }

  /// The bound of one attempt of such a request while there is another endpoint: an endpoint that hangs
  /// must leave enough time to renew the lease at another one.
  public var attemptTimeout: Duration {
    max(self.requestTimeout / 2, Self.minimumRequestTimeout)
  }

  /// The pause after the given number of failures in a row. It doubles up to `--sleep`, or up to the
  /// renewal's period while a lease has to be kept.
  func retryPause(afterFailures failures: Int, keepingLease: Bool) -> Duration {
    let longest = keepingLease ? self.renewPeriod : self.sleep
    let first = max(self.renewPeriod / 4, .milliseconds(10))
    return min(first * (1 << min(max(failures - 1, 0), 16)), max(longest, .milliseconds(10)))
  }

  /// How long a process whose pod failed leaves the lock to others.
  func standBack(afterFailures failures: Int) -> Duration {
    self.sleep * (1 << min(max(failures - 1, 0), 3))
  }

  /// The pause between two reads of a winner that waits for a receipt.
  func receiptPeriod(waiting delay: Duration) -> Duration {
    min(max(delay / 20, .milliseconds(50)), .seconds(1))
  }

  /// Whether what is left of the lease besides a margin is enough to renew it once, and to survive one
  /// request that is not answered.
  private static func leavesRoom(margin: Duration, ttlSeconds: Int64, sleep: Duration) -> Bool {
    let ttl = Duration.seconds(ttlSeconds)
    let period = Self.renewPeriod(ttl: ttl, sleep: sleep)
    return ttl - margin > period + Self.requestTimeout(renewPeriod: period)
  }

  /// The shortest time to live that leaves room.
  private static func shortestTTL(_ leavesRoom: (Int64) -> Bool) -> Int64 {
    var (short, long) = (Int64(0), Int64(Int32.max))
    while long - short > 1 {
      let middle = (short + long) / 2
      if leavesRoom(middle) { long = middle } else { short = middle }
    }
    return long
  }
}
