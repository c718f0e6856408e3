/// How long things take in an election; all of it follows from the lease's time to live, `--sleep`,
/// the profile and what a kubelet takes to stop a pod.
///
/// The order that must hold: TTL > ``renewDeadline`` > ``renewPeriod`` >= ``requestTimeout``, where
/// small numbers are bent by ``minimumRequestTimeout`` alone. Names as in client-go.
public struct Timing: Equatable, Sendable {
  /// The lease's time to live, as it goes over the wire.
  public let ttlSeconds: Int64
  /// The pause between two rounds: two log lines, two looks at the files, two reads by a candidate.
  public let sleep: Duration
  /// `nil` without `--profile`.
  public let profile: Profile?
  public let podStop: PodStop
  /// Whether the kubelet ends the pod by itself when renewals stop, `--manifest-deadline`.
  public let manifestExpires: Bool

  /// M: the time before the lease's earliest end at which the manifest is gone, a third of the lease
  /// or, with ``Profile/quick``, all that the pod needs to end.
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
    let podTime = Self.podTime(ttl: ttl, podStop)
    func marginOf(_ ttl: Duration) -> Duration {
      profile == .quick ? Self.podTime(ttl: ttl, podStop) : ttl / 3
    }
    if profile == .quick,
      !Self.leavesRoom(margin: podTime, ttlSeconds: ttlSeconds, sleep: sleep)
    {
      throw .quickDoesNotFit(
        ttlSeconds: ttlSeconds, needed: podTime, podStop,
        shortest: Self.shortestTTL(sleep: sleep, margin: marginOf))
    }
    if manifestExpires {
      // What the pod's own end comes before the manifest's, and what a kubelet takes to read of a later one.
      let lead = ManifestExpiry.rounding + podStop.detection
      if !Self.leavesRoom(margin: marginOf(ttl) + lead, ttlSeconds: ttlSeconds, sleep: sleep) {
        throw .deadlineDoesNotFit(
          ttlSeconds: ttlSeconds, margin: marginOf(ttl), podStop,
          shortest: Self.shortestTTL(sleep: sleep) { marginOf($0) + lead })
      }
    }
    self.ttlSeconds = ttlSeconds
    self.sleep = sleep
    self.profile = profile
    self.podStop = podStop
    self.manifestExpires = manifestExpires
    self.margin = marginOf(ttl)
  }

  static let minimumRequestTimeout = Duration.milliseconds(100)

  /// How long files have to be quiet before they are looked at: an editor writes in several steps.
  static let settle = Duration.milliseconds(100)

  public var ttl: Duration { .seconds(self.ttlSeconds) }

  /// For so long after a granted request was **sent** the lease is believed.
  public var renewDeadline: Duration { self.ttl - self.margin }

  /// The time from one granted request to the next.
  public var renewPeriod: Duration { Self.renewPeriod(ttl: self.ttl, sleep: self.sleep) }

  static func renewPeriod(ttl: Duration, sleep: Duration) -> Duration { min(sleep, ttl / 6) }

  /// The bound of one request to the store.
  public var requestTimeout: Duration { Self.requestTimeout(renewPeriod: self.renewPeriod) }

  static func requestTimeout(renewPeriod: Duration) -> Duration {
    max(min(renewPeriod, .seconds(2)), Self.minimumRequestTimeout)
  }

  /// The bound of one attempt of such a request, when there is another endpoint to go to: one that says
  /// nothing must leave time enough for another to renew the lease.
  public var attemptTimeout: Duration {
    max(self.requestTimeout / 2, Self.minimumRequestTimeout)
  }

  /// The pause after the given number of failures in a row: it doubles up to `--sleep`, and while a
  /// lease is to be kept up to the renewal's period.
  func retryPause(afterFailures failures: Int, keepingLease: Bool) -> Duration {
    let longest = keepingLease ? self.renewPeriod : self.sleep
    let first = max(self.renewPeriod / 4, .milliseconds(10))
    return min(first * (1 << min(max(failures - 1, 0), 16)), max(longest, .milliseconds(10)))
  }

  /// How long one who could not install leaves the lock to others.
  func standBack(afterFailures failures: Int) -> Duration {
    self.sleep * (1 << min(max(failures - 1, 0), 3))
  }

  /// How often a winner who waits for another one's pod looks whether there is a receipt.
  func receiptPeriod(waiting delay: Duration) -> Duration {
    min(max(delay / 20, .milliseconds(50)), .seconds(1))
  }
}

/// Why there is no ``Timing``.
public enum TimingError: Error, Equatable, CustomStringConvertible {
  case ttl(Int64)
  case sleep(Duration)
  case detection(Duration)
  /// The margin that ``Profile/quick`` needs leaves no room for a renewal.
  case quickDoesNotFit(ttlSeconds: Int64, needed: Duration, PodStop, shortest: Int64)
  /// A pod's own deadline could pass before the kubelet has read of the next one.
  case deadlineDoesNotFit(ttlSeconds: Int64, margin: Duration, PodStop, shortest: Int64)

  public var description: String {
    switch self {
    case .ttl(let seconds):
      "--ttl-secs must be between 1 and \(Int32.max), not \(seconds)"
    case .sleep(let duration):
      "--sleep must be at least 1ms, not \(duration)"
    case .detection(let duration):
      "--kubelet-detection must not be negative, and is \(duration)"
    case .quickDoesNotFit(let seconds, let needed, let podStop, let shortest):
      """
      --profile quick does not fit: a pod takes up to \(needed) to end (--kubelet-detection \
      \(podStop.detection), grace \(podStop.grace), the rest for clocks and scheduling), and a \
      lease of \(seconds) seconds leaves no time besides that to renew it; use --ttl-secs \
      \(shortest) or more, a smaller terminationGracePeriodSeconds in the manifest, or no --profile
      """
    case .deadlineDoesNotFit(let seconds, let margin, let podStop, let shortest):
      """
      --manifest-deadline does not fit: a lease of \(seconds) seconds without its margin of \(margin), \
      the two seconds by which a pod's deadline is rounded, and --kubelet-detection \
      \(podStop.detection) leaves no time to renew it; use --ttl-secs \(shortest) or more, or \
      --manifest-deadline=false
      """
    }
  }
}
