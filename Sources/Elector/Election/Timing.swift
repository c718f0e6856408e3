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
  /// How much earlier than its TTL the store may end a lease, because its members' clocks differ: etcd's v2
  /// API only, `--etcd-clock-skew`.
  public private(set) var clockSkew = Duration.zero

  /// - Throws: ``TimingError`` that names the flag.
  public init(
    ttlSeconds: Int64, sleep: Duration, profile: Profile? = nil, podStop: PodStop = PodStop(),
    manifestExpires: Bool = false
  ) throws(TimingError) {
    guard (1...Int64(Int32.max)).contains(ttlSeconds) else { throw .ttl(ttlSeconds) }
    guard sleep >= .milliseconds(1) else { throw .sleep(sleep) }
    guard podStop.detection >= .zero else { throw .detection(podStop.detection) }
    guard podStop.youngDetection >= podStop.detection else {
      throw .youngDetection(podStop.youngDetection, least: podStop.detection)
    }
    let ttl = Duration.seconds(ttlSeconds)
    if manifestExpires {
      // How much earlier the pod's own end comes than the manifest's, and what a kubelet takes to notice
      // a later one.
      let lead = ManifestExpiry.rounding + ManifestLife.writeTime + podStop.detection
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

  /// The same, with a store whose members' clocks differ by so much.
  public func counting(clockSkew: Duration) -> Timing {
    var timing = self
    timing.clockSkew = max(.zero, clockSkew)
    return timing
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

  /// How long the election waits for one piece of the disk's work. It renews nothing meanwhile: with this, an
  /// unanswered request and a guard that is waited for (the margin), five sixths of the lease pass at most.
  package var diskPatience: Duration { self.margin / 2 }

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

extension Timing {
  /// The time to have passed from the latest instant at which a leader's manifest may be there until
  /// its pod surely does not run: detection and grace, what two clocks may differ in the length of a
  /// lease, what a busy machine takes to act, and by how much the store may end the lease early. A young pod's is the
  /// longest.
  ///
  /// The rule of this project, with M the margin and L the lock-delay: M + L >= this.
  public func podTime(isYoung: Bool = true) -> Duration {
    self.podStop.total(isYoung: isYoung) + self.ttl / Self.driftDivisor + Self.slack
      + self.clockSkew
  }

  /// 250 ppm: healthy clocks differ by less than 200.
  static let driftDivisor = 4_000
  static let slack = Duration.milliseconds(250)

  /// How long after the end of our lease our pod may run. It goes into the record, so that a successor
  /// with other settings, who does not know the pod's age, knows.
  public func podOutlivesLease(isYoung: Bool = true) -> Duration {
    let podTime = self.podTime(isYoung: isYoung)
    // podmaster's lease is released as soon as its manifest is gone.
    return self.profile == .podmaster ? podTime : max(.zero, podTime - self.margin)
  }

  /// L: how long a winner waits before it installs, unless it knows that no earlier pod can run, or
  /// has read how long one can.
  public var lockDelay: Duration { self.lockDelay() }

  func lockDelay(isYoung: Bool = true) -> Duration {
    self.profile == .podmaster ? .zero : self.podOutlivesLease(isYoung: isYoung)
  }

  /// From a leader's crash to the installation by another one, at the latest, with a store that
  /// answers: the lease was renewed just before, and it leaves no receipt.
  public var worstTakeover: Duration { self.ttl + self.lockDelay }

  /// The same where the leader's kubelet has shown that its pod is no longer young.
  public var settledTakeover: Duration { self.ttl + self.lockDelay(isYoung: false) }
}

/// How long a pod may run on after its manifest is gone from the kubelet's directory.
///
/// Source: kubelet, `killContainersWithSyncResult` and `minimumGracePeriodInSeconds`.
public struct PodStop: Equatable, Sendable {
  /// Until the kubelet notices, `--kubelet-detection`. With inotify it is well below a second.
  public var detection: Duration
  /// The same for a young pod, `--kubelet-young-detection`. Measured on a real kubelet: a pod that was removed
  /// within half a second of its start got its SIGTERM 1.3 to 3.7 s later.
  public var youngDetection: Duration
  /// Until the kubelet has killed the pod, by the manifest.
  public var grace: Duration

  /// With `youngDelay` more than `detection` for a young pod, if `youngDetection` is not given.
  public init(
    detection: Duration = .seconds(1), youngDetection: Duration? = nil,
    grace: Duration = Self.defaultGrace
  ) {
    self.detection = detection
    self.youngDetection = youngDetection ?? detection + Self.youngDelay
    self.grace = grace
  }

  /// A young pod's containers have not run unchanged for this time.
  public static let youth = Duration.seconds(10)

  /// How much later a kubelet may notice the removal of a young pod.
  public static let youngDelay = Duration.seconds(3)

  /// What Kubernetes gives a pod whose manifest has no `terminationGracePeriodSeconds`.
  public static let defaultGrace = Duration.seconds(30)

  /// How long until a kubelet notices.
  func detection(isYoung: Bool) -> Duration { isYoung ? self.youngDetection : self.detection }

  package func total(isYoung: Bool = true) -> Duration {
    self.detection(isYoung: isYoung) + self.grace
  }

  /// Whether a pod's age makes a difference.
  var dependsOnAge: Bool { self.youngDetection > self.detection }
}

/// How an elector makes sure that never two pods run, `--profile`; without one it keeps the margin that
/// ``Timing`` has for every lease and waits where that is not enough.
public enum Profile: String, CaseIterable, Sendable {
  /// Waits even where nothing shows an earlier term: a key that was deleted, one that has expired and a
  /// first start look alike.
  case strict
  /// podmaster's timing: a successor may start its pod while the old one still stops.
  case podmaster

  /// The profile that a flag names.
  package init(flag: String) throws(ProfileError) {
    if flag == "quick" { throw .quick }
    guard let profile = Self(rawValue: flag) else { throw .unknown(flag) }
    self = profile
  }
}

/// Why a flag names no ``Profile``.
package enum ProfileError: Error, Equatable, CustomStringConvertible {
  /// Earlier versions had it.
  case quick
  case unknown(String)

  package var description: String {
    switch self {
    case .quick: "--profile quick is gone: leave --profile out, or use strict"
    case .unknown(let name): "--profile \(name) is none of: strict, podmaster"
    }
  }
}

/// Why there is no ``Timing``.
public enum TimingError: Error, Equatable, CustomStringConvertible {
  case ttl(Int64)
  case sleep(Duration)
  case detection(Duration)
  case youngDetection(Duration, least: Duration)
  /// A pod's own deadline could pass before the kubelet has read the next one.
  case deadlineDoesNotFit(ttlSeconds: Int64, margin: Duration, PodStop, shortest: Int64)

  public var description: String {
    switch self {
    case .ttl(let seconds):
      "--ttl-secs must be between 1 and \(Int32.max), not \(seconds)"
    case .sleep(let duration):
      "--sleep must be at least 1ms, not \(duration)"
    case .detection(let duration):
      "--kubelet-detection must not be negative, and is \(duration)"
    case .youngDetection(let duration, let least):
      "--kubelet-young-detection must be at least --kubelet-detection, \(least), and is \(duration)"
    case .deadlineDoesNotFit(let seconds, let margin, let podStop, let shortest):
      """
      --manifest-deadline does not fit: a lease of \(seconds) seconds without its margin of \(margin), \
      the three seconds by which a pod's deadline is earlier, and --kubelet-detection \
      \(podStop.detection) leaves no time to renew it; use --ttl-secs \(shortest) or more, or \
      --manifest-deadline=false
      """
    }
  }
}
