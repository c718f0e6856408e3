import TestCluster

/// Bursts of faults, with their times; they follow from the random numbers alone.
package struct ChaosPlan: Equatable, Sendable {
  package var nodes: Int
  /// How many members the store has.
  package var members: Int

  /// A fault with its time, counted from the begin of its burst.
  package struct Entry: Equatable, Sendable, CustomStringConvertible {
    package var kind: ChaosFault.Kind
    package var fault: ChaosFault
    package var start: Duration
    /// The earliest time at which a killed process is started again, counted from its end.
    package var length: Duration

    package var end: Duration { self.start + self.length }

    package var description: String {
      "\(self.start.inSeconds(decimals: 2)) to \(self.end.inSeconds(decimals: 2)) s: \(self.fault)"
    }
  }

  /// Some faults, several at once; all of them end with it.
  package struct Burst: Equatable, Sendable, CustomStringConvertible {
    /// In the order of their beginnings.
    package var entries: [Entry]
    package var length: Duration

    /// A line for each fault.
    package var description: String { self.entries.map(\.description).joined(separator: "\n") }
  }

  /// From 5 to 25 s, in milliseconds.
  package static let lengths = 5_000...25_000
  /// In milliseconds.
  package static let longestFault = 12_000
  /// How long an elector and its guard are left alone between two faults, so that each can do what it does for the
  /// other.
  package static let rest = Duration.seconds(3)

  /// The kinds that a store of that many members can have.
  package var kinds: [ChaosFault.Kind] {
    ChaosFault.Kind.allCases.filter { self.members > 1 || !$0.needsMembers }
  }

  /// The next burst.
  package func burst(using random: inout some RandomNumberGenerator) -> Burst {
    let length = Int.random(in: Self.lengths, using: &random)
    let wanted = Int.random(in: 3...12, using: &random)
    // Half of the faults hit one node: several faults at once are worse on one node than spread over all.
    let focus = Int.random(in: 1...self.nodes, using: &random)
    var entries: [Entry] = []
    for _ in 0..<wanted {
      let kind = self.kinds.randomElement(using: &random) ?? .cutFromStore
      let isFocused = Bool.random(using: &random)
      let other = Int.random(in: 1...self.nodes, using: &random)
      let fault = self.fault(kind, node: isFocused ? focus : other, using: &random)
      // Before the burst's last quarter.
      let start = Int.random(in: 0...length * 3 / 4, using: &random)
      let rest = length - start
      let some = Int.random(in: 300...min(rest, Self.longestFault), using: &random)
      // Many end together with the burst; otherwise its last part would have few faults.
      let lastsToTheEnd = Bool.random(using: &random) && rest <= Self.longestFault
      let entry = Entry(
        kind: kind, fault: fault, start: .milliseconds(start),
        length: .milliseconds(lastsToTheEnd ? rest : some))
      // A fault that collides is left out and not drawn again, so that the others do not depend on it.
      if !entries.contains(where: { Self.collide($0, entry) }) { entries.append(entry) }
    }
    return Burst(entries: entries.sorted { $0.start < $1.start }, length: .milliseconds(length))
  }

  package static func collide(_ first: Entry, _ second: Entry) -> Bool {
    guard let claim = first.fault.claim, claim == second.fault.claim else { return false }
    return first.start < second.end + Self.rest && second.start < first.end + Self.rest
  }

  private func fault(
    _ kind: ChaosFault.Kind, node: Int, using random: inout some RandomNumberGenerator
  ) -> ChaosFault {
    let member = Int.random(in: 1...self.members, using: &random)
    let role = Bool.random(using: &random) ? Role.scheduler : .controllerManager
    let direction = ChaosFault.Direction.allCases.randomElement(using: &random) ?? .both
    let oneWay = Bool.random(using: &random) ? ChaosFault.Direction.sent : .received
    let host =
      Int.random(in: 0..<self.nodes + self.members, using: &random) < self.nodes
      ? NetworkHost.master(node) : .member(member)
    let all = (1...self.members).map { NetworkHost.member($0) }
    switch kind {
    case .cutFromStore: return .cut(.master(node), from: all, .both)
    case .cutOneWay: return .cut(.master(node), from: all, oneWay)
    case .cutFromSome:
      let count = Int.random(in: 1...max(1, self.members - 1), using: &random)
      let some = all.shuffled(using: &random).prefix(count).sorted { $0.number < $1.number }
      return .cut(.master(node), from: some, direction)
    case .cutMember:
      return .cut(.member(member), from: all.filter { $0 != .member(member) }, direction)
    case .loss: return .lose(host, percent: Int.random(in: 5...60, using: &random))
    case .delay: return .delay(host, milliseconds: Int.random(in: 10...400, using: &random))
    case .killElector: return .kill(.elector(node: node, role))
    case .killGuard: return .kill(.guardian(node: node, role))
    case .killKubelet: return .kill(.kubelet(node: node))
    case .killMember: return .kill(.member(member))
    case .pauseElector: return .pause(.elector(node: node, role))
    case .pauseGuard: return .pause(.guardian(node: node, role))
    case .pauseMember: return .pause(.member(member))
    case .stopElector: return .stop(node: node, role)
    case .setClock:
      return .setClock(node: node, seconds: Int.random(in: -7_200...7_200, using: &random))
    }
  }
}
