extension Timing {
  /// The time to have passed from the latest instant at which a leader's manifest may be there until
  /// its pod surely does not run: detection and grace, what two clocks may differ in the length of a
  /// lease, and what a busy machine takes to act.
  ///
  /// The rule of this project, with M the margin and L the lock-delay: M + L >= this.
  public var podTime: Duration {
    self.podStop.total + self.ttl / Self.driftDivisor + Self.slack
  }

  /// 250 ppm: healthy clocks differ by less than 200.
  static let driftDivisor = 4_000
  static let slack = Duration.milliseconds(250)

  /// How long after the end of our lease our pod may run. It goes into the record, so that a successor
  /// with other settings knows.
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
}
