/// Priorities, as a value: the bid beside the lock goes in from time to time, and a step comes out.
///
/// It never makes an elector the master. A leader that sees a bid with a larger priority than its own hands
/// over as on a stop, and then follows for a while. A bid counts only while its candidate rewrites it, so a
/// dead candidate's bid does no harm.
struct Preemption: Equatable, Sendable {
  enum Role: Equatable, Sendable {
    case leader
    /// Another elector leads, and we would take the lock if it were free.
    case follower
    case bystander
  }

  enum Step: Equatable, Sendable {
    case nothing
    /// Write our bid, if the side key has not changed since it was read.
    case bid(Bid, ifIndex: UInt64?)
    /// Hand over, and follow for this time.
    case yield(to: Bid, for: Duration)
  }

  private struct Seen: Equatable {
    var bid: Bid
    var index: UInt64
    var at: Instant
    /// Whether its candidate wrote it after our first look.
    var isLive: Bool

    func isValid(at now: Instant) -> Bool { now < self.at + self.bid.validity }
  }

  private let own: Bid
  private let delay: Duration
  private var seen: Seen?
  private var hasLooked = false
  private var followsSince: Instant?

  /// - Parameters:
  ///   - own: our bid.
  ///   - delay: how long we follow before we bid, `--preemption-delay`.
  init(own: Bid, delay: Duration) {
    self.own = own
    self.delay = delay
  }

  /// Whether a role has to read the side key.
  func wantsToLook(as role: Role) -> Bool {
    switch role {
    case .leader: true
    case .follower: self.own.priority > 0
    case .bystander: false
    }
  }

  /// - Parameter found: the side key; `bid` is `nil` when its value is not a bid.
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
      // If the other elector does not take over, its next bid has to be live again.
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

/// A follower's request to a master with a smaller priority to hand over. It is the value of a second side
/// key, and valid while the follower rewrites it.
package struct Bid: SideRecord, Equatable, Sendable {
  package var candidate: Candidate
  package var priority: Int
  /// The pause between two writes; a bid is void after three periods without one.
  package var period: Duration

  package init(candidate: Candidate, priority: Int, period: Duration) {
    self.candidate = candidate
    self.priority = priority
    self.period = period
  }

  package static var suffix: String { "bid" }

  /// How long it is valid after a write.
  var validity: Duration { self.period * 3 }

  private enum CodingKeys: String, CodingKey {
    case priority
    case periodMilliseconds = "period_ms"
  }

  package init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    self.candidate = try Candidate(from: decoder)
    self.priority = try fields.decode(Int.self, forKey: .priority)
    self.period = .milliseconds(try fields.decode(UInt32.self, forKey: .periodMilliseconds))
  }

  package func encode(to encoder: any Encoder) throws {
    try self.candidate.encode(to: encoder)
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(self.priority, forKey: .priority)
    let milliseconds = (self.period / .milliseconds(1)).rounded(.up)
    try fields.encode(UInt32(min(max(1, milliseconds), 1e9)), forKey: .periodMilliseconds)
  }
}
