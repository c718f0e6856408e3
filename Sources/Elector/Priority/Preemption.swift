/// Who should be the master, as far as people have a preference: a value that is shown the bid beside the
/// lock once in a while, and says what follows.
///
/// Nothing here makes one the master: a leader that sees a bid with a larger priority than its own hands
/// over as on a stop, and then leaves the lock to others for a while. A bid counts only while it is seen to
/// be written anew, so what a dead candidate left behind does no harm.
struct Preemption: Equatable, Sendable {
  enum Role: Equatable, Sendable {
    case leader
    /// Somebody else leads, and we would take the lock if it were free.
    case follower
    case bystander
  }

  enum Step: Equatable, Sendable {
    case nothing
    /// Write our bid in the place of what was found, only if that is still there.
    case bid(Bid, ifIndex: UInt64?)
    /// Leave the lock to others for so long.
    case yield(to: Bid, for: Duration)
  }

  private struct Seen: Equatable {
    var bid: Bid
    var index: UInt64
    var at: Instant
    /// Whether it was written while we looked on.
    var isLive: Bool

    func isValid(at now: Instant) -> Bool { now < self.at + self.bid.validity }
  }

  private let own: Bid
  private let delay: Duration
  private var seen: Seen?
  private var hasLooked = false
  private var followsSince: Instant?

  /// - Parameters:
  ///   - own: what we would write.
  ///   - delay: how long we follow before we bid, `--preemption-delay`.
  init(own: Bid, delay: Duration) {
    self.own = own
    self.delay = delay
  }

  /// Whether what is beside the lock matters in a role.
  func wantsToLook(as role: Role) -> Bool {
    switch role {
    case .leader: true
    case .follower: self.own.priority > 0
    case .bystander: false
    }
  }

  /// - Parameters:
  ///   - found: what is there; `bid` is `nil` when it is none.
  mutating func look(
    _ found: (bid: Bid?, index: UInt64)?, as role: Role, at now: Instant
  ) -> Step {
    self.note(found, at: now)
    self.followsSince = role == .follower ? self.followsSince ?? now : nil
    switch role {
    case .bystander: return .nothing
    case .leader:
      guard let seen, seen.isLive, seen.isValid(at: now), seen.bid.candidate != self.own.candidate,
        seen.bid.priority > self.own.priority
      else { return .nothing }
      // Should the other one not come, its next bid is to be seen anew.
      self.seen?.isLive = false
      return .yield(to: seen.bid, for: max(seen.bid.validity, self.own.validity))
    case .follower:
      guard self.own.priority > 0, let followsSince, now >= followsSince + self.delay else {
        return .nothing
      }
      if let seen, seen.isValid(at: now), seen.bid.candidate != self.own.candidate,
        seen.bid.priority >= self.own.priority
      {
        return .nothing
      }
      return .bid(self.own, ifIndex: found?.index)
    }
  }

  private mutating func note(_ found: (bid: Bid?, index: UInt64)?, at now: Instant) {
    defer { self.hasLooked = true }
    guard let found, let bid = found.bid else {
      self.seen = nil
      return
    }
    if let seen, seen.index == found.index { return }
    self.seen = Seen(bid: bid, index: found.index, at: now, isLive: self.hasLooked)
  }
}
