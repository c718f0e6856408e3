/// How long things take in an election; all of it follows from the lease's time to live and `--sleep`.
///
/// The order that must hold: TTL > ``renewDeadline`` > ``renewPeriod`` >= ``requestTimeout``, where
/// small numbers are bent by ``minimumRequestTimeout`` alone. Names as in client-go.
public struct Timing: Equatable, Sendable {
  /// The lease's time to live, as it goes over the wire.
  public let ttlSeconds: Int64
  /// The pause between two rounds: two log lines, two looks at the files, two reads by a candidate.
  public let sleep: Duration

  /// - Throws: ``TimingError`` that names the flag.
  public init(ttlSeconds: Int64, sleep: Duration) throws(TimingError) {
    guard (1...Int64(Int32.max)).contains(ttlSeconds) else { throw .ttl(ttlSeconds) }
    guard sleep >= .milliseconds(1) else { throw .sleep(sleep) }
    self.ttlSeconds = ttlSeconds
    self.sleep = sleep
  }

  static let minimumRequestTimeout = Duration.milliseconds(100)

  /// How long files have to be quiet before they are looked at: an editor writes in several steps.
  static let settle = Duration.milliseconds(100)

  public var ttl: Duration { .seconds(self.ttlSeconds) }

  /// The time before the lease's earliest end at which the manifest is gone: room for a kubelet to
  /// notice and for a pod to stop, and for clocks that do not run at quite the same rate.
  public var margin: Duration { self.ttl / 3 }

  /// For so long after a granted request was **sent** the lease is believed.
  public var renewDeadline: Duration { self.ttl - self.margin }

  /// The time from one granted request to the next.
  public var renewPeriod: Duration { min(self.sleep, self.ttl / 6) }

  /// The bound of one request to the store.
  public var requestTimeout: Duration {
    max(min(self.renewPeriod, .seconds(2)), Self.minimumRequestTimeout)
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
}

/// Why there is no ``Timing``.
public enum TimingError: Error, Equatable, CustomStringConvertible {
  case ttl(Int64)
  case sleep(Duration)

  public var description: String {
    switch self {
    case .ttl(let seconds):
      "--ttl-secs must be between 1 and \(Int32.max), not \(seconds)"
    case .sleep(let duration):
      "--sleep must be at least 1ms, not \(duration)"
    }
  }
}
