/// How an elector makes sure that never two pods run, `--profile`; without one it takes the margin that
/// ``Timing`` has for every lease and waits where that is not enough.
public enum Profile: String, CaseIterable, Sendable {
  /// Waits even where nothing tells of an earlier term: a key that somebody deleted, one that ran out
  /// and a first start look alike.
  case strict
  /// Waits for nobody: a leader gives up so early that its pod has ended before its lease has.
  case quick
  /// podmaster's timing: a successor may start its pod while the old one still stops.
  case podmaster
}

/// How long a pod may run on after its manifest is gone from the kubelet's directory.
///
/// Source: kubelet, `killContainersWithSyncResult` and `minimumGracePeriodInSeconds`.
public struct PodStop: Equatable, Sendable {
  /// Until the kubelet notices, `--kubelet-detection`. With inotify it is well below a second.
  public var detection: Duration
  /// Until the kubelet has killed it, by the manifest.
  public var grace: Duration

  public init(detection: Duration = .seconds(1), grace: Duration = Self.defaultGrace) {
    self.detection = detection
    self.grace = grace
  }

  /// What Kubernetes gives a pod that says nothing of it.
  public static let defaultGrace = Duration.seconds(30)

  public var total: Duration { self.detection + self.grace }
}

extension Timing {
  /// The time to have passed from the latest instant at which a leader's manifest may be there until
  /// its pod surely does not run: detection and grace, what two clocks may differ in the length of a
  /// lease, and what a busy machine takes to act.
  ///
  /// The rule of this project, with M the margin and L the lock-delay: M + L >= this.
  public var podTime: Duration { Self.podTime(ttl: self.ttl, self.podStop) }

  static func podTime(ttl: Duration, _ podStop: PodStop) -> Duration {
    podStop.total + ttl / Self.driftDivisor + Self.slack
  }

  /// 250 ppm: healthy clocks differ by less than 200.
  static let driftDivisor = 4_000
  static let slack = Duration.milliseconds(250)

  /// For how long after the end of our lease our pod may run. We put it into the record, so that a
  /// successor with other settings knows.
  public var podOutlivesLease: Duration {
    // podmaster's lease is released as soon as its manifest is gone.
    self.profile == .podmaster ? self.podTime : max(.zero, self.podTime - self.margin)
  }

  /// L: how long a winner waits before it installs, unless it knows that no earlier pod can run, or
  /// has read how long one can.
  public var lockDelay: Duration { self.profile == .podmaster ? .zero : self.podOutlivesLease }

  /// From a leader's crash to the installation by another one, at the latest, with a store that
  /// answers: the lease was renewed just before, and it leaves no receipt.
  public var worstTakeover: Duration { self.ttl + self.lockDelay }

  /// Whether what is left of the lease besides a margin is enough to renew it once, and to survive one
  /// request that is not answered.
  static func leavesRoom(margin: Duration, ttlSeconds: Int64, sleep: Duration) -> Bool {
    let ttl = Duration.seconds(ttlSeconds)
    let period = Self.renewPeriod(ttl: ttl, sleep: sleep)
    return ttl - margin > period + Self.requestTimeout(renewPeriod: period)
  }

  /// The shortest time to live that leaves room besides a margin that depends on it.
  static func shortestTTL(sleep: Duration, margin: (_ ttl: Duration) -> Duration) -> Int64 {
    var (short, long) = (Int64(0), Int64(Int32.max))
    while long - short > 1 {
      let middle = (short + long) / 2
      if Self.leavesRoom(margin: margin(.seconds(middle)), ttlSeconds: middle, sleep: sleep) {
        long = middle
      } else {
        short = middle
      }
    }
    return long
  }
}
