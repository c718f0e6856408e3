import TestSupport
import Testing

@testable import Elector

private let me = Candidate(name: "me", bootID: "boot", destination: "/manifests/s.yaml")
private let other = Candidate(name: "other", bootID: "elsewhere", destination: "/manifests/s.yaml")

/// A record of term 7; its pod may run for 12 s after its lease.
private func record(
  _ term: UInt64 = 7, isEnded: Bool = false, of candidate: Candidate = other
) -> TermRecord {
  TermRecord(
    term: term, isEnded: isEnded, candidate: candidate, podOutlivesLease: .seconds(12))
}

/// A process that has won term 20 at 100 s. A lease of 30 s, a young pod that takes 34 s: an own delay of 24.2575 s.
private struct Winner {
  static let wonAt = Instant(.seconds(100))
  var ledger: TermLedger

  init(
    seen: UInt64? = nil, profile: Profile? = nil, candidate: Candidate = me,
    storeWentBack: Bool = false
  ) throws {
    self.ledger = TermLedger(
      candidate: candidate,
      timing: try Timing(ttlSeconds: 30, sleep: .seconds(5), profile: profile))
    if let seen { self.ledger.saw(term: seen) }
    if storeWentBack { self.ledger.storeWentBack(wasOurs: false) }
    self.ledger.won(at: Self.wonAt)
  }

  /// - Parameter record: `.some(nil)` is something that is no record.
  mutating func find(_ record: TermRecord??, at seconds: Double = 100) {
    if let record {
      self.ledger.found(record, modifiedIndex: 8, at: Instant(.seconds(seconds)))
    } else {
      self.ledger.foundNothing(at: Instant(.seconds(seconds)))
    }
  }

  var claimSteps: [Election.Step] { self.ledger.claimSteps(for: 20, since: Self.wonAt) }

  /// When it may write that its term goes on.
  var opensAt: Double? {
    for (kind, due) in self.claimSteps {
      if case .writeRecord = kind { return due.sinceStart / .seconds(1) }
    }
    return nil
  }
}

@Suite struct TermLedgerTests {
  /// What a winner finds, what it saw of others before, and for how long it waits.
  @Test(
    arguments: [
      // The first start of all; only `strict` takes it for what else it could be.
      (nil, nil, [0, 24.2575, 0]),
      // A receipt for the last term that was seen, or for a later one.
      (record(isEnded: true), nil, [0, 0, 0]),
      (record(isEnded: true), 7, [0, 0, 0]),
      (record(isEnded: true), 6, [0, 0, 0]),
      // A receipt for an earlier one than was seen: by one who writes no records.
      (record(isEnded: true), 8, [24.2575, 24.2575, 0]),
      // No receipt: as long as the holder itself has reckoned.
      (record(), nil, [12, 12, 0]),
      (record(), 7, [12, 12, 0]),
      (record(), 8, [24.2575, 24.2575, 0]),
      // A holder that writes no records at all, as podmaster.
      (nil, 7, [24.2575, 24.2575, 0]),
      // Our own kubelet runs one pod of a name.
      (record(of: me), nil, [0, 0, 0]),
      (record(of: me), 8, [24.2575, 24.2575, 0]),
      // Another boot or another place is not ours.
      (
        record(of: Candidate(name: "me", bootID: "x", destination: me.destination)), nil,
        [12, 12, 0]
      ),
      (record(of: Candidate(name: "me", bootID: "boot", destination: "/x")), nil, [12, 12, 0]),
    ] as [(TermRecord?, UInt64?, [Double])])
  func waitsForWhomItDoesNotKnowToHaveEnded(
    found: TermRecord?, seen: UInt64?, delays: [Double]
  ) throws {
    for (profile, delay) in zip([nil, .strict, .podmaster] as [Profile?], delays) {
      var winner = try Winner(seen: seen, profile: profile)
      #expect(winner.claimSteps.map(\.kind) == [.readRecord])
      winner.find(found.map { .some($0) })
      #expect(
        abs((winner.opensAt ?? -1) - (100 + delay)) < 1e-6, "\(profile.map(\.rawValue) ?? "none")")
    }
  }

  @Test func whoCannotBeReadIsWaitedForLikeOneWhoWritesNothing() throws {
    var winner = try Winner()
    winner.find(.some(nil))
    #expect(abs((winner.opensAt ?? 0) - 124.2575) < 1e-6)
    guard case .writeRecord(_, prevIndex: 8) = winner.claimSteps.first?.kind else {
      throw TestFailure("it is not replaced")
    }
  }

  /// The last holder may have renewed just before, and not know.
  @Test func aStoreThatWentBackIsWaitedForAWholeLeaseMore() throws {
    var winner = try Winner(storeWentBack: true)
    winner.find(record(isEnded: true))
    #expect(abs((winner.opensAt ?? 0) - 154.2575) < 1e-6)
  }

  @Test func withoutABootIDNothingIsOurs() throws {
    let nobody = Candidate(name: "me", destination: "/manifests/s.yaml")
    var winner = try Winner(candidate: nobody)
    winner.find(record(of: nobody))
    #expect(winner.opensAt == 112)
    #expect(!winner.ledger.owesReceipt)
  }

  @Test func aReceiptThatAppearsCutsTheWaitShort() throws {
    var winner = try Winner()
    winner.find(record())
    // A twentieth of 12 s later it looks again.
    #expect(
      winner.claimSteps.contains {
        $0.kind == .readRecord && $0.due == Instant(.milliseconds(100_600))
      })
    winner.find(record(), at: 100.6)
    #expect(winner.opensAt == 112)
    winner.find(record(isEnded: true), at: 101.3)
    #expect(winner.opensAt == 100)
    #expect(winner.claimSteps.count == 1)
  }

  /// It is compared with what was read, so that nobody who came between is overlooked.
  @Test func onlyAnAcknowledgedRecordOpensATerm() throws {
    var winner = try Winner()
    winner.find(record(isEnded: true))
    guard
      case .writeRecord(let mine, prevIndex: 8)? = winner.claimSteps.first?.kind
    else {
      throw TestFailure("it is not to be written")
    }
    #expect(mine.term == 20 && !mine.isEnded && mine.candidate == me)
    #expect(abs(mine.podOutlivesLease / .seconds(1) - 24.2575) < 1e-6)
    #expect(!winner.ledger.names(20))
    // Another one wrote first; its pod may run.
    winner.ledger.wasChanged(at: Instant(.seconds(100)))
    #expect(winner.claimSteps.map(\.kind) == [.readRecord])
    winner.find(record(9))
    #expect(winner.opensAt == 112)
    #expect(!winner.ledger.names(20))
    winner.ledger.wrote(mine, modifiedIndex: 30)
    #expect(winner.ledger.names(20))
    #expect(!winner.ledger.names(19))
    #expect(winner.ledger.owesReceipt)
    // A later term of ours has to write its own.
    winner.ledger.won(at: Winner.wonAt)
    #expect(!winner.ledger.names(20))
    #expect(winner.ledger.owesReceipt)
  }

  @Test func anOutcomeThatIsNotKnownIsRead() throws {
    var winner = try Winner()
    winner.find(record(isEnded: true))
    let step = try #require(winner.claimSteps.first)
    winner.ledger.isSent(step.kind)
    winner.ledger.failed(mayBeApplied: true, at: Instant(.seconds(102)))
    #expect(winner.claimSteps.map(\.kind) == [.readRecord])
    // It may be on its way still: should the lease be lost, somebody has to mark it as ended.
    #expect(winner.ledger.owesReceipt)
    var mine = record(20, of: me)
    mine.podOutlivesLease = .zero
    winner.find(mine)
    #expect(winner.ledger.names(20))
  }

  @Test func aReceiptIsWrittenOverOurOwnRecordAndNoOther() throws {
    var winner = try Winner()
    winner.find(record(of: me))
    var ended = record(of: me)
    ended.isEnded = true
    #expect(winner.ledger.receiptStep()?.kind == .writeRecord(ended, prevIndex: 8))
    winner.ledger.wasChanged(at: Instant(.seconds(100)))
    #expect(winner.ledger.receiptStep()?.kind == .readRecord)
    winner.find(record(9))
    #expect(winner.ledger.receiptStep() == nil)
    #expect(!winner.ledger.owesReceipt)
  }

  @Test func aShortGraceMeansNoWait() throws {
    let timing = try Timing(
      ttlSeconds: 30, sleep: .seconds(5),
      podStop: PodStop(detection: .seconds(1), grace: .seconds(5)))
    var ledger = TermLedger(candidate: me, timing: timing)
    ledger.saw(term: 9)
    ledger.won(at: Winner.wonAt)
    ledger.foundNothing(at: Winner.wonAt)
    #expect(ledger.delay == .zero)
    // A record that says otherwise counts.
    ledger.found(record(9), modifiedIndex: 3, at: Winner.wonAt)
    #expect(ledger.delay == .seconds(12))
  }
}

@Suite struct TermRecordTests {
  @Test func isJSONThatAnybodyCanRead() {
    let text = #"""
      {"boot_id":"boot","destination":"/manifests/s.yaml","ended":false,"holder":"me",\#
      "outlives_ms":12001,"term":7}
      """#
    var mine = record(of: me)
    mine.podOutlivesLease = .microseconds(12_000_001)
    // Rounded up: nobody may wait too short.
    #expect(mine.json == text)
    mine.podOutlivesLease = .milliseconds(12_001)
    #expect(TermRecord(json: text) == mine)
  }

  @Test(arguments: ["", "{}", "x", #"{"term":-1,"ended":true}"#]) func refusesTheRest(
    _ text: String
  ) {
    #expect(TermRecord(json: text) == nil)
  }

  @Test(arguments: [
    ("scheduler", "_scheduler.term"), ("/a/lock/", "a/_lock.term"),
  ]) func liesBesideTheLock(_ key: String, _ side: String) {
    #expect(TermRecord.key(for: key) == side)
  }
}
