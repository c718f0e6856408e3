import FaultRelay
import SeededRandom
import Testing

@testable import FaultCampaigns
@testable import TestCluster

@Suite struct ChaosPlanTests {
  private static func bursts(_ count: Int, seed: UInt64, members: Int = 3) -> [ChaosPlan.Burst] {
    let plan = ChaosPlan(nodes: 3, members: members)
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in plan.burst(using: &random) }
  }

  @Test(arguments: [1, 3]) func `a seed has one plan`(members: Int) {
    let bursts = Self.bursts(20, seed: 7, members: members)
    #expect(bursts == Self.bursts(20, seed: 7, members: members))
    #expect(bursts != Self.bursts(20, seed: 8, members: members))
  }

  @Test func `the plan of a seed stays the same from build to build`() {
    #expect(
      Self.bursts(1, seed: 1, members: 1).first?.description == """
        0.27 to 7.22 s: SIGTERM for master1's controller-manager elector
        1.34 to 9.24 s: store1 loses 50 % of its packets
        2.27 to 3.74 s: master3's wall clock is 1404 s ahead
        5.38 to 8.38 s: master3 cut off from store1: both ways
        7.42 to 11.64 s: SIGKILL for master3's controller-manager guard
        7.44 to 16.33 s: master3 loses 9 % of its packets
        8.15 to 12.26 s: master1's wall clock is 1280 s ahead
        9.56 to 16.33 s: SIGKILL for master3's scheduler guard
        10.64 to 16.33 s: SIGKILL for store1
        """)
  }

  @Test(arguments: [1, 3]) func `every kind occurs that the store has`(members: Int) {
    let kinds = Set(Self.bursts(100, seed: 1, members: members).flatMap(\.entries).map(\.kind))
    let expected = ChaosFault.Kind.allCases.filter { members > 1 || !$0.needsMembers }
    #expect(kinds == Set(expected))
  }

  @Test func `all faults end with their burst, which lasts from 5 to 25 s`() {
    for burst in Self.bursts(300, seed: 3) {
      #expect(burst.length >= .seconds(5) && burst.length <= .seconds(25))
      #expect(!burst.entries.isEmpty)
      for entry in burst.entries {
        #expect(entry.start >= .zero && entry.length > .zero && entry.end <= burst.length)
      }
    }
  }

  @Test func `an elector and its guard are never hit at once`() {
    for burst in Self.bursts(300, seed: 4) {
      for (index, first) in burst.entries.enumerated() {
        for second in burst.entries[(index + 1)...] where first.fault.claim == second.fault.claim {
          guard first.fault.claim != nil else { continue }
          #expect(second.start >= first.end + ChaosPlan.rest)
        }
      }
    }
  }

  @Test func `several faults last at once`() {
    let bursts = Self.bursts(50, seed: 5)
    let together = bursts.count { burst in
      burst.entries.contains { first in
        burst.entries.contains { $0 != first && $0.start < first.end && first.start < $0.end }
      }
    }
    #expect(together > 25)
  }

  private static let hosts: [NetworkHost] = [.member(1), .member(2), .master(1), .master(2)]

  struct Traffic: Sendable, CustomTestStringConvertible {
    var faults: [ChaosFault]
    /// From, to, the share that is lost, and the delay in milliseconds.
    var lines: [(NetworkHost, NetworkHost, Double, Int)]

    var testDescription: String { self.faults.map(\.description).joined(separator: "; ") }
  }

  private static let traffic: [Traffic] = [
    Traffic(faults: [.kill(.member(1)), .setClock(node: 1, seconds: 5)], lines: []),
    Traffic(
      faults: [.cut(.master(1), from: [.member(2)], .both)],
      lines: [(.master(1), .member(2), 1, 0), (.member(2), .master(1), 1, 0)]),
    Traffic(
      faults: [.cut(.master(1), from: [.member(2)], .sent)],
      lines: [(.master(1), .member(2), 1, 0)]),
    Traffic(
      faults: [.cut(.master(1), from: [.member(1), .member(2)], .received)],
      lines: [(.member(1), .master(1), 1, 0), (.member(2), .master(1), 1, 0)]),
    Traffic(
      faults: [
        .cut(.member(1), from: [.member(2)], .sent), .cut(.member(2), from: [.member(1)], .sent),
      ],
      lines: [(.member(1), .member(2), 1, 0), (.member(2), .member(1), 1, 0)]),
    Traffic(
      faults: [
        .lose(.member(1), percent: 50), .lose(.master(1), percent: 50),
        .delay(.master(1), milliseconds: 20),
      ],
      lines: [
        (.member(1), .master(1), 0.75, 20), (.master(1), .member(1), 0.75, 20),
        (.member(1), .member(2), 0.5, 0), (.member(2), .member(1), 0.5, 0),
        (.member(1), .master(2), 0.5, 0), (.master(2), .member(1), 0.5, 0),
        (.master(1), .member(2), 0.5, 20), (.member(2), .master(1), 0.5, 20),
        (.master(1), .master(2), 0.5, 20), (.master(2), .master(1), 0.5, 20),
      ]),
    Traffic(
      faults: [.lose(.master(1), percent: 20), .cut(.master(1), from: [.member(1)], .sent)],
      lines: [
        (.master(1), .member(1), 1, 0), (.member(1), .master(1), 0.2, 0),
        (.master(1), .member(2), 0.2, 0), (.member(2), .master(1), 0.2, 0),
        (.master(1), .master(2), 0.2, 0), (.master(2), .master(1), 0.2, 0),
      ]),
  ]

  @Test(arguments: traffic) func `faults of the network add up`(traffic: Traffic) {
    let expected = Dictionary(
      uniqueKeysWithValues: traffic.lines.map { from, to, loss, delay in
        (
          ChaosFault.Line(from: from, to: to),
          PacketRelay.Treatment(loss: loss, delay: .milliseconds(delay))
        )
      })
    let treatments = ChaosFault.treatments(traffic.faults, among: Self.hosts)
    #expect(Set(treatments.keys) == Set(expected.keys))
    for (line, treatment) in treatments {
      #expect(abs(treatment.loss - (expected[line]?.loss ?? -1)) < 1e-9)
      #expect(treatment.delay == expected[line]?.delay)
    }
  }

  @Test func `no two hosts share an address`() {
    let hosts = (1...3).map { NetworkHost.member($0) } + (1...9).map { NetworkHost.master($0) }
    #expect(Set(hosts.map(\.address)).count == hosts.count)
    #expect(NetworkHost.master(1).address == "10.98.11.2")
    #expect(NetworkHost.master(1).addressNumber == 0x0a62_0b02)
    // The kernel takes 15 characters for a device.
    #expect(hosts.allSatisfy { "\($0)".utf8.count <= 15 })
  }
}
