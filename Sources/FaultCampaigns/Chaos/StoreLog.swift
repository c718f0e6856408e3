/// When the store answered its clients, and which member led the others.
package struct StoreLog: Equatable, Sendable {
  package typealias Instant = ContinuousClock.Instant

  /// One member's answer.
  package struct Answer: Equatable, Sendable {
    /// The leader that it names, by the number of a member.
    package var leader: String
  }

  /// The last answer of each member; `nil` for a time-out.
  private var answers: [Answer?]
  /// Whether more than half of the members answer a quorum read.
  package private(set) var isReady = false
  /// The last leader that more than half of the members named.
  package private(set) var leader: String?
  /// When the store last began to answer, or its members last changed their leader.
  package private(set) var changed: Instant
  /// How often the leader has changed.
  package private(set) var leaderChanges = 0

  package init(members: Int, at instant: Instant) {
    self.answers = Array(repeating: nil, count: members)
    self.changed = instant
  }

  /// - Parameter member: counted from 0.
  package mutating func record(_ answer: Answer?, of member: Int, at instant: Instant) {
    self.answers[member] = answer
    let good = self.answers.compactMap(\.self)
    let wasReady = self.isReady
    self.isReady = good.count * 2 > self.answers.count
    if self.isReady, !wasReady { self.changed = instant }
    for answer in good
    where answer.leader != self.leader
      && good.count(where: { $0 == answer }) * 2 > self.answers.count
    {
      if self.leader != nil { self.leaderChanges += 1 }
      self.leader = answer.leader
      self.changed = instant
    }
  }
}
