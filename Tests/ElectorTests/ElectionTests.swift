import EtcdClient
import TestSupport
import Testing

@testable import Elector

extension PodStop {
  /// A young pod is noticed like any other.
  static let ageless = PodStop(youngDetection: .seconds(1))
}

/// One election, fed by hand; `--ttl-secs 30 --sleep 5s`: renewal each 5 s, deadline after 20 s.
struct Bench {
  var election: Election
  /// The latest request.
  private var underWay: Election.Request?

  /// A pod takes up to 31 s to end, and 0.2575 s are for clocks and scheduling.
  init(
    asksKubelet: Bool = false, podStop: PodStop = .ageless, podLimits: PodLimits = PodLimits(),
    manifestExpires: Bool = false
  ) throws {
    self.election = Election(
      candidate: me,
      timing: try Timing(
        ttlSeconds: 30, sleep: .seconds(5), podStop: podStop, manifestExpires: manifestExpires),
      asksKubelet: asksKubelet, podLimits: podLimits)
  }

  /// What follows apart from alarms.
  mutating func feed(_ event: Election.Event, at seconds: Double) -> [Election.Effect] {
    let effects = self.election.handle(event, at: Instant(.seconds(seconds))).filter {
      if case .wake = $0 { false } else { true }
    }
    self.underWay = effects.request ?? self.underWay
    return effects
  }

  /// Lets an alarm ring.
  mutating func wake(at seconds: Double) -> [Election.Effect] { self.feed(.woke, at: seconds) }

  /// The same where a look at the absent manifest is due.
  mutating func wakeAndLook(at seconds: Double) -> [Election.Effect] {
    let effects = self.feed(.woke, at: seconds)
    #expect(effects.first == .removeManifest)
    return effects.dropFirst() + self.feed(.removed, at: seconds)
  }

  /// Answers the request that is under way.
  mutating func answer(_ answer: Election.Answer, at seconds: Double) -> [Election.Effect] {
    self.feed(.answered(id: self.underWay?.id ?? 0, answer), at: seconds)
  }

  /// Starts at 0 s, with the destination absent.
  mutating func start() -> [Election.Effect] {
    self.feed(.started, at: 0) + self.feed(.removed, at: 0)
  }

  /// Starts and sends a creation at 0 s.
  mutating func contend() -> [Election.Effect] {
    _ = self.start()
    return self.answer(.absent(index: 9), at: 0)
  }

  /// Starts at 0 s and finds the key held by another one in term 4, and a record.
  mutating func follow(_ record: Election.Answer = .recordAbsent) -> [Election.Effect] {
    _ = self.start()
    return self.answer(.found(other, index: 9), at: 0) + self.answer(record, at: 0)
  }

  /// Lets a winner that has sent its creation find a record, and write its own.
  mutating func claim(
    term: UInt64 = 10, finding record: Election.Answer = .recordAbsent, at seconds: Double
  ) -> [Election.Effect] {
    let before =
      self.answer(.granted(term: term, modifiedIndex: term), at: seconds)
      + self.answer(record, at: seconds)
    return self.answer(.recordWritten(modifiedIndex: term + 1), at: seconds)
      + before.reports.map { .report($0) }
  }

  /// Starts and becomes the master at 0.5 s, with term 10 by a creation that was sent at 0 s.
  mutating func lead() -> [Election.Effect] {
    self.contend() + self.claim(at: 0.5) + self.feed(.installation(.installed), at: 0.5)
  }

  /// Is told to stop, and finds the destination absent.
  mutating func stop(at seconds: Double) {
    _ = self.feed(.stop, at: seconds)
    _ = self.feed(.removed, at: seconds)
  }

  static func contending(podStop: PodStop = .ageless) throws -> Bench {
    var bench = try Bench(podStop: podStop)
    _ = bench.contend()
    return bench
  }

  static func leading(
    asksKubelet: Bool = false, podStop: PodStop = .ageless, podLimits: PodLimits = PodLimits()
  ) throws -> Bench {
    var bench = try Bench(asksKubelet: asksKubelet, podStop: podStop, podLimits: podLimits)
    _ = bench.lead()
    return bench
  }

  static func following() throws -> Bench {
    var bench = try Bench()
    _ = bench.follow()
    return bench
  }
}

extension Bench {
  /// Leads and is told to stop; at 1 s all but the release is done.
  fileprivate mutating func stopUpToTheRelease() throws -> [Election.Effect] {
    _ = self.lead()
    self.stop(at: 1)
    let receipt = self.feed(.podEnded(id: 1), at: 1)
    try #require(receipt.isReceipt(for: 10))
    return self.answer(.recordWritten(modifiedIndex: 12), at: 1)
  }
}

extension [Election.Effect] {
  fileprivate func isReceipt(for term: UInt64) -> Bool {
    guard case .writeRecord(let record, .some) = self.request?.kind else { return false }
    return record.term == term && record.isEnded && record.candidate == me
  }
  fileprivate var request: Election.Request? {
    for case .send(let request) in self { return request }
    return nil
  }
  fileprivate var kinds: [Election.Request.Kind] {
    self.compactMap { if case .send(let request) = $0 { request.kind } else { nil } }
  }
  fileprivate var reports: [Election.Report] {
    self.compactMap { if case .report(let report) = $0 { report } else { nil } }
  }
  fileprivate var watch: Int? {
    for case .watch(let id, _) in self { return id }
    return nil
  }
  fileprivate var installs: Bool {
    self.contains { if case .installManifest = $0 { true } else { false } }
  }
}

private let me = Candidate(name: "me", bootID: "boot", destination: "/manifests/s.yaml")
private let other = Holder(name: "other", term: 4, modifiedIndex: 8)

/// A record of another one's term, or of ours; a pod may run for 12 s after the lease.
private func record(
  _ term: UInt64, isEnded: Bool = false,
  of candidate: Candidate = Candidate(name: "other", bootID: "b")
) -> TermRecord {
  TermRecord(
    term: term, isEnded: isEnded, candidate: candidate, podOutlivesLease: .seconds(12))
}

@Suite struct ElectionTests {
  @Test func removesALeftOverBeforeTheFirstContact() throws {
    var bench = try Bench()
    #expect(bench.feed(.started, at: 0) == [.removeManifest])
    #expect(bench.feed(.filesChanged, at: 1) == [])
    #expect(bench.feed(.removed, at: 2).kinds == [.read])
  }

  @Test func asksNothingWhileALeftOverCannotBeRemoved() throws {
    var bench = try Bench()
    _ = bench.feed(.started, at: 0)
    #expect(
      bench.feed(.removeFailed(reason: "busy"), at: 0) == [.report(.cannotRemove(reason: "busy"))])
    #expect(bench.wake(at: 1.25) == [.removeManifest])
    // Told once per sleep.
    #expect(bench.feed(.removeFailed(reason: "busy"), at: 1.25) == [])
    _ = bench.wake(at: 5)
    #expect(bench.feed(.removed, at: 5).kinds == [.read])
  }

  @Test func createsWhatIsAbsentAndInstalls() throws {
    var bench = try Bench()
    _ = bench.start()
    let create = bench.answer(.absent(index: 9), at: 1)
    #expect(create.kinds == [.create])
    #expect(create.contains(.watch(id: 3, after: 9)))
    let won = bench.answer(.granted(term: 10, modifiedIndex: 10), at: 2)
    #expect(won.kinds == [.readRecord])
    #expect(won.reports == [.acquired(term: 10), .leading])
    let write = bench.answer(.recordAbsent, at: 2)
    var mine = record(10, of: me)
    mine.podOutlivesLease = .microseconds(21_257_500)
    #expect(write.kinds == [.writeRecord(mine, prevIndex: nil)])
    #expect(!write.installs)
    #expect(
      bench.answer(.recordWritten(modifiedIndex: 11), at: 2) == [
        // Believed from when the creation was sent, at 1 s, for 30 - 10 s.
        .installManifest(term: 10, before: Instant(.seconds(21)))
      ])
  }

  @Test func followsAndTakesOverWhenTheWatchTells() throws {
    var bench = try Bench()
    let follow = bench.follow()
    #expect(follow.kinds == [.readRecord])
    #expect(
      follow.dropFirst() == [.watch(id: 3, after: 9), .report(.following(leader: "other"))])
    let next = bench.feed(.watched(id: 3, .removed(index: 12)), at: 3)
    #expect(next.kinds == [.create])
    #expect(next.contains(.watch(id: 5, after: 12)))
  }

  @Test func readsOncePerSleepShouldTheWatchBeDeaf() throws {
    var bench = try Bench.following()
    #expect(bench.wake(at: 4.9).kinds == [])
    let read = bench.wakeAndLook(at: 5)
    #expect(read.kinds == [.read])
    #expect(read.reports == [.following(leader: "other")])
    #expect(bench.answer(.absent(index: 20), at: 5.1).kinds == [.create])
  }

  @Test func tellsWhoLeadsOncePerSleep() throws {
    var bench = try Bench()
    var lines: [Double] = []
    if bench.lead().reports.contains(.leading) { lines.append(0.5) }
    var index: UInt64 = 10
    var pending: [Election.Effect] = []
    for step in 5...300 {
      let now = Double(step) / 10
      var effects = bench.wake(at: now)
      if effects.installs {
        effects += bench.feed(.installation(.installed), at: now)
      }
      if effects.reports.contains(.leading) { lines.append(now) }
      if effects.request != nil { pending = effects }
      if !pending.isEmpty {
        index += 1
        _ = bench.answer(.granted(term: 10, modifiedIndex: index), at: now)
        pending = []
      }
    }
    #expect(lines == [0.5, 5.5, 10.5, 15.5, 20.5, 25.5])
  }

  /// The lease before was over when the answer came, and perhaps not yet when the creation was sent.
  @Test func theWaitBeginsWithTheAnswer() throws {
    var bench = try Bench.contending()
    _ = bench.answer(.granted(term: 10, modifiedIndex: 10), at: 1.5)
    let open = Election.Answer.recordFound(record(7), modifiedIndex: 8)
    var effects = bench.answer(open, at: 1.5)
    #expect(effects.reports == [.waiting(term: 7, upTo: .seconds(12))])
    var now = 1.5
    var index: UInt64 = 10
    // It renews, and looks for a receipt, all the while.
    var renewals = 0
    while now < 13.49 {
      #expect(!effects.installs)
      now += 0.01
      effects = bench.wake(at: now)
      switch effects.request?.kind {
      case .readRecord: _ = bench.answer(open, at: now)
      case .renew:
        renewals += 1
        index += 1
        _ = bench.answer(.granted(term: 10, modifiedIndex: index), at: now)
      case nil: break
      default: Issue.record("\(effects) at \(now) s")
      }
      if effects.contains(.removeManifest) { _ = bench.feed(.removed, at: now) }
    }
    #expect(renewals == 2)
    let write = bench.wake(at: 13.51)
    guard case .writeRecord(let mine, prevIndex: 8)? = write.request?.kind else {
      throw TestFailure("\(write)")
    }
    #expect(mine.term == 10)
    #expect(bench.answer(.recordWritten(modifiedIndex: 20), at: 13.52).installs)
  }

  /// By podmaster, that writes no records.
  @Test func oneWhoSawAForeignTermWaitsForItsPod() throws {
    var bench = try Bench()
    let watch = try #require(bench.follow().watch)
    _ = bench.feed(.watched(id: watch, .removed(index: 12)), at: 1)
    _ = bench.answer(.granted(term: 13, modifiedIndex: 13), at: 1)
    let wait = bench.answer(.recordAbsent, at: 1)
    #expect(wait.reports == [.waiting(term: 4, upTo: .microseconds(21_257_500))])
    #expect(wait.kinds == [])
  }

  /// A lost lease is no reason to let others wait for longer than it takes.
  @Test func aReceiptFollowsALostLease() throws {
    var bench = try Bench(asksKubelet: true)
    let watch = try #require(bench.lead().watch)
    let theirs = Holder(name: "x", term: 12, modifiedIndex: 12)
    let lost = bench.feed(.watched(id: watch, .written(theirs)), at: 1)
    #expect(lost.first == .removeManifest)
    #expect(bench.feed(.removed, at: 1).contains(.awaitPodEnd(id: 1)))
    let receipt = bench.feed(.podEnded(id: 1), at: 2)
    #expect(receipt.isReceipt(for: 10))
    let after = bench.answer(.recordWritten(modifiedIndex: 13), at: 2)
    #expect(after == [.report(.podHasEnded(term: 10))])
  }

  /// What an earlier process left open is ended by its successor in the same place, but not while its
  /// lease is valid: it may be about still.
  @Test func endsTheTermOfAnEarlierProcess() throws {
    var bench = try Bench(asksKubelet: true)
    _ = bench.feed(.started, at: 0)
    let earlier = Holder(name: "me", term: 7, modifiedIndex: 7)
    _ = bench.feed(.removed, at: 0)
    let found = bench.answer(.found(earlier, index: 9), at: 0)
    let watch = try #require(found.watch)
    let mine = Election.Answer.recordFound(record(7, of: me), modifiedIndex: 8)
    #expect(bench.answer(mine, at: 0) == [])
    let theirs = Holder(name: "other", term: 20, modifiedIndex: 20)
    let over = bench.feed(.watched(id: watch, .written(theirs)), at: 3)
    #expect(over.contains(.awaitPodEnd(id: 1)))
    #expect(bench.feed(.podEnded(id: 1), at: 4).isReceipt(for: 7))
  }

  @Test func aRecordThatCannotBeWrittenGivesTheLockAway() throws {
    var bench = try Bench.contending()
    var effects = bench.answer(.granted(term: 10, modifiedIndex: 10), at: 0.5)
    effects = bench.answer(.recordAbsent, at: 0.5)
    var index: UInt64 = 10
    var isReleased = false
    var now = 0.5
    while now < 60, !isReleased {
      if effects.contains(.removeManifest) { effects += bench.feed(.removed, at: now) }
      #expect(!effects.installs)
      switch effects.request?.kind {
      case .writeRecord: effects = bench.answer(.failed(reason: "403"), at: now)
      case .renew:
        index += 1
        effects = bench.answer(.granted(term: 10, modifiedIndex: index), at: now)
      case .release(let prevIndex): isReleased = prevIndex == index
      case .some(let kind): Issue.record("unexpected: \(kind)")
      case nil:
        now += 0.25
        effects = bench.wake(at: now)
      }
    }
    #expect(isReleased)
    #expect(now < 20)
  }

  @Test func oneThatIsToldToStepDownLeavesInOrderAndForThatLong() throws {
    var bench = try Bench.leading(asksKubelet: true)
    let down = bench.feed(.stepDown(for: .seconds(60)), at: 1)
    #expect(down.first == .removeManifest)
    #expect(down.reports.first == .steppingDown(for: .seconds(60)))
    let awaiting = bench.feed(.removed, at: 1)
    #expect(awaiting.contains(.awaitPodEnd(id: 1)))
    let receipt = bench.feed(.podEnded(id: 1), at: 2)
    #expect(receipt.isReceipt(for: 10))
    let release = bench.answer(.recordWritten(modifiedIndex: 12), at: 2)
    #expect(release.kinds == [.release(prevIndex: 10)])
    _ = bench.answer(.released(index: 13), at: 2)
    #expect(bench.wakeAndLook(at: 60.9).kinds.isEmpty)
    #expect(bench.wake(at: 61).kinds == [.create])
  }

  /// Only a person can end it: no elector gets the lock.
  @Test func aLockThatNeverEndsIsToldOnce() throws {
    var bench = try Bench()
    _ = bench.start()
    let endless = Election.Answer.found(other, index: 9, remaining: .endless)
    #expect(bench.answer(endless, at: 0).reports.contains(.neverEnds(holder: "other")))
    _ = bench.answer(.recordAbsent, at: 0)
    _ = bench.wake(at: 5)
    #expect(!bench.answer(endless, at: 5).reports.contains(.neverEnds(holder: "other")))
    _ = bench.wake(at: 10)
    let again = Holder(name: "other", term: 4, modifiedIndex: 12)
    #expect(
      bench.answer(.found(again, index: 12, remaining: .endless), at: 10).reports
        .contains(.neverEnds(holder: "other")))
  }

  /// Another elector's priority does not end a person's pause, and does not shorten it.
  @Test(arguments: [nil, .seconds(600)] as [Duration?])
  func givingWayEndsNoStepDown(_ duration: Duration?) throws {
    var bench = try Bench.leading(asksKubelet: true)
    _ = bench.feed(.stepDown(for: duration), at: 1)
    _ = bench.feed(.giveWay(for: .seconds(15)), at: 1)
    _ = bench.feed(.removed, at: 1)
    _ = bench.feed(.podEnded(id: 1), at: 2)
    _ = bench.answer(.recordWritten(modifiedIndex: 12), at: 2)
    _ = bench.answer(.released(index: 13), at: 2)
    #expect(bench.wakeAndLook(at: 590).kinds.isEmpty)
    #expect(bench.feed(.resume, at: 594).kinds == [.create])
  }

  @Test func aLockThatComesAfterAPauseIsGivenBackWithoutAPod() throws {
    var bench = try Bench.contending()
    _ = bench.feed(.stepDown(for: nil), at: 0.1)
    let release = bench.answer(.granted(term: 10, modifiedIndex: 10), at: 0.5)
    #expect(release.kinds == [.release(prevIndex: 10)])
    #expect(!release.installs)
    _ = bench.answer(.released(index: 11), at: 0.5)
    _ = bench.answer(.recordAbsent, at: 0.5)
    #expect(bench.wakeAndLook(at: 500).kinds.isEmpty)
    let back = bench.feed(.resume, at: 501)
    #expect(back.kinds == [.create])
  }

  @Test func renewsByTheIndexItWroteLast() throws {
    var bench = try Bench.leading()
    let first = bench.wake(at: 5)
    #expect(first.kinds == [.renew(prevIndex: 10)])
    _ = bench.answer(.granted(term: 10, modifiedIndex: 14), at: 5.1)
    #expect(bench.wake(at: 10).kinds == [.renew(prevIndex: 14)])
  }

  @Test func aLaterEndIsAnnouncedOnceAndNotAfterAnInstallationThatCarriedIt() throws {
    var bench = try Bench.leading()
    #expect(!bench.wake(at: 1).contains { if case .extendManifest = $0 { true } else { false } })
    _ = bench.wake(at: 5)
    let later = Election.Effect.extendManifest(until: Instant(.seconds(25)))
    #expect(bench.answer(.granted(term: 10, modifiedIndex: 14), at: 5.1).contains(later))
    #expect(!bench.wake(at: 6).contains(later))
  }

  @Test func removesAtTheDeadlineWhateverIsUnderWay() throws {
    var bench = try Bench.leading()
    _ = bench.wake(at: 5)
    #expect(!bench.wake(at: 19.99).contains(.removeManifest))
    let fence = bench.wake(at: 20)
    #expect(fence.first == .removeManifest)
    #expect(fence.reports == [.lost(term: 10, .deadline)])
    _ = bench.feed(.removed, at: 20)
    // The answer comes after all. It counts from when its request was sent, at 5 s: up to 25 s.
    let again = bench.answer(.granted(term: 10, modifiedIndex: 11), at: 24)
    #expect(again.first == .installManifest(term: 10, before: Instant(.seconds(25))))
    #expect(again.reports.first == .regained(term: 10))
  }

  @Test func anAnswerAfterItsOwnDeadlineInstallsNothing() throws {
    var bench = try Bench.contending()
    let late = bench.answer(.granted(term: 10, modifiedIndex: 10), at: 20)
    #expect(!late.installs)
    #expect(late.kinds == [.renew(prevIndex: 10)])
    #expect(bench.feed(.removed, at: 20) == [])
    _ = bench.answer(.granted(term: 10, modifiedIndex: 11), at: 21)
    _ = bench.answer(.recordAbsent, at: 21)
    #expect(bench.answer(.recordWritten(modifiedIndex: 12), at: 21).installs)
  }

  /// A connection that was cut without a word tells of nothing; found by the simulator.
  @Test(arguments: [(nil, 5), (.seconds(30), 5), (.seconds(2), 2)] as [(Duration?, Double)])
  func whoFollowsLooksAgainWhenTheLeaseEnds(remaining: Duration?, due: Double) throws {
    var bench = try Bench()
    _ = bench.start()
    _ = bench.answer(
      .found(other, index: 9, remaining: remaining.map { .known($0) } ?? .unknown), at: 0)
    _ = bench.answer(.recordAbsent, at: 0)
    #expect(bench.wake(at: due - 0.001).kinds == [])
    #expect(bench.wake(at: due).kinds == [.read])
  }

  @Test func aLostAnswerIsFollowedByAReadThatExtendsNothing() throws {
    var bench = try Bench.leading()
    _ = bench.wake(at: 5)
    _ = bench.answer(.unanswered(reason: "timed out"), at: 7)
    let read = bench.wake(at: 8.25)
    #expect(read.kinds == [.read])
    let holder = Holder(name: "me", term: 10, modifiedIndex: 17)
    let next = bench.answer(.found(holder, index: 17), at: 8.3)
    #expect(next.kinds == [.renew(prevIndex: 17)])
    #expect(next.reports == [.storeAnswersAgain])
    #expect(bench.election.lease?.sentAt == .start)
  }

  @Test func aLostConnectionIsFollowedByTheSameRenewal() throws {
    var bench = try Bench.leading()
    _ = bench.wake(at: 5)
    let failed = bench.answer(.failed(reason: "refused"), at: 5)
    #expect(failed.reports == [.storeFails(reason: "refused")])
    #expect(bench.wake(at: 6.25).kinds == [.renew(prevIndex: 10)])
  }

  @Test(arguments: [
    Election.Answer.absent(index: 30),
    .found(Holder(name: "me", term: 11, modifiedIndex: 11), index: 30),
    .found(Holder(name: "other", term: 10, modifiedIndex: 12), index: 30),
  ]) func stepsDownAtOnceWhenTheReadAfterARefusalSaysSo(_ answer: Election.Answer) throws {
    var bench = try Bench.leading()
    _ = bench.wake(at: 5)
    let read = bench.answer(.changed, at: 5)
    #expect(read.kinds == [.read])
    let effects = bench.answer(answer, at: 5)
    #expect(effects.first == .removeManifest)
    #expect(bench.election.lease == nil)
    // No creation while the manifest may be there.
    #expect(effects.kinds == [])
  }

  @Test(arguments: [
    KeyChange.removed(index: 12), .written(Holder(name: "x", term: 12, modifiedIndex: 12)),
  ]) func stepsDownWhenTheKeyIsTakenAwayFromUnderIt(_ change: KeyChange) throws {
    var bench = try Bench()
    let watch = try #require(bench.lead().watch)
    let effects = bench.feed(.watched(id: watch, change), at: 1)
    #expect(effects.first == .removeManifest)
    #expect(effects.kinds == [])
    let after = bench.feed(.removed, at: 1)
    #expect(after.kinds == (change == .removed(index: 12) ? [.create] : []))
  }

  @Test func theEchoOfOurOwnWritesMeansNothing() throws {
    var bench = try Bench()
    let watch = try #require(bench.lead().watch)
    let mine = Holder(name: "me", term: 10, modifiedIndex: 10)
    let next = bench.feed(.watched(id: watch, .written(mine)), at: 1)
    #expect(next.count == 1)
    #expect(next.watch.map { $0 > watch } == true)
  }

  /// The watch can be faster than the answer.
  @Test func theEchoOfACreationIsNoClash() throws {
    var bench = try Bench()
    let create = bench.contend()
    let mine = Holder(name: "me", term: 10, modifiedIndex: 10)
    let watch = try #require(create.watch)
    #expect(bench.feed(.watched(id: watch, .written(mine)), at: 0.1).reports == [])
    #expect(bench.claim(at: 0.2).installs)
  }

  @Test func aGrantThatTheWatchSawEndAlreadyIsNone() throws {
    var bench = try Bench()
    let create = bench.contend()
    let watch = try #require(create.watch)
    _ = bench.feed(.watched(id: watch, .removed(index: 11)), at: 0.1)
    let effects = bench.answer(.granted(term: 10, modifiedIndex: 10), at: 0.2)
    #expect(!effects.installs)
    #expect(effects.kinds == [.read])
  }

  @Test func oneNameInTwoPlacesIsToldOncePerTermAndNotMerged() throws {
    var bench = try Bench()
    _ = bench.feed(.started, at: 0)
    let twin = Holder(name: "me", term: 7, modifiedIndex: 7)
    _ = bench.feed(.removed, at: 0)
    let found = bench.answer(.found(twin, index: 9), at: 0)
    #expect(found.reports == [.nameClash(term: 7), .following(leader: "me")])
    #expect(!found.installs)
    _ = bench.answer(.recordAbsent, at: 0)
    let read = bench.wakeAndLook(at: 5)
    #expect(read.kinds == [.read])
    #expect(bench.answer(.found(twin, index: 9), at: 5).reports == [])
  }

  @Test func aCreationWithoutAnAnswerIsNotClaimedByName() throws {
    var bench = try Bench.contending()
    _ = bench.answer(.unanswered(reason: "timed out"), at: 2)
    let read = bench.wake(at: 4)
    #expect(read.kinds == [.read])
    let mine = Holder(name: "me", term: 10, modifiedIndex: 10)
    let found = bench.answer(.found(mine, index: 10), at: 4)
    #expect(found.reports.contains(.nameClash(term: 10)))
    #expect(!found.installs)
  }

  @Test func answersToOtherRequestsAreIgnored() throws {
    var bench = try Bench.leading()
    let renewal = bench.wake(at: 5)
    let id = try #require(renewal.request?.id)
    let stray = Election.Answer.absent(index: 50)
    #expect(bench.feed(.answered(id: id - 1, stray), at: 5) == [])
    _ = bench.answer(.granted(term: 10, modifiedIndex: 11), at: 5.1)
    #expect(bench.feed(.answered(id: id, stray), at: 5.2) == [])
    #expect(bench.election.leads(at: Instant(.seconds(6))))
  }

  @Test func aStoreThatWentBackEndsTheTerm() throws {
    var bench = try Bench.leading()
    _ = bench.wake(at: 5)
    _ = bench.answer(.changed, at: 5)
    let mine = Holder(name: "me", term: 10, modifiedIndex: 3)
    let effects = bench.answer(.found(mine, index: 3), at: 5)
    #expect(effects.first == .removeManifest)
    #expect(effects.reports.contains(.storeWentBack(from: 10, to: 3)))
  }

  @Test func oneWhoCannotInstallGivesTheLockAwayAndStandsBack() throws {
    var bench = try Bench.contending(podStop: PodStop(detection: .zero, grace: .zero))
    bench.election.expectNoPod()
    _ = bench.claim(at: 0)
    let failed = bench.feed(
      .installation(.failed(reason: "no such file", isUntouched: true)), at: 1)
    #expect(failed.first == .removeManifest)
    #expect(
      failed.reports == [.cannotInstall(reason: "no such file", retryIn: .seconds(5))])
    // Nothing was installed, so there is nothing to wait for.
    let receipt = bench.feed(.removed, at: 1)
    #expect(receipt.isReceipt(for: 10))
    let release = bench.answer(.recordWritten(modifiedIndex: 12), at: 1)
    #expect(release.kinds == [.release(prevIndex: 10)])
    #expect(bench.answer(.released(index: 13), at: 1).kinds == [])
    #expect(bench.wake(at: 5.9) == [])
    let again = bench.wakeAndLook(at: 6)
    #expect(again.kinds == [.create])
    _ = bench.claim(
      term: 14, finding: .recordFound(record(10, isEnded: true, of: me), modifiedIndex: 12),
      at: 6)
    #expect(
      bench.feed(.installation(.failed(reason: "no such file", isUntouched: true)), at: 6).reports
        == [
          .cannotInstall(reason: "no such file", retryIn: .seconds(10))
        ])
  }

  /// A process that never installed has no pod to wait for; but an earlier one of ours may have left one, and then
  /// the record shows its term.
  @Test(
    arguments: [
      (false, nil, true), (true, nil, false), (false, record(7, isEnded: true, of: me), true),
      (false, record(7), true), (false, record(7, of: me), false),
    ] as [(Bool, TermRecord?, Bool)])
  func oneWhoNeverInstalledOwesNothing(
    mayHavePod: Bool, found: TermRecord?, isAtOnce: Bool
  ) throws {
    var bench = try Bench()
    if !mayHavePod { bench.election.expectNoPod() }
    _ = bench.contend()
    let record = found.map { Election.Answer.recordFound($0, modifiedIndex: 8) } ?? .recordAbsent
    _ = bench.answer(.granted(term: 10, modifiedIndex: 10), at: 0)
    var effects = bench.answer(record, at: 0)
    var now = 0.0
    var index: UInt64 = 10
    // The wait for another node's pod.
    while now < 60 {
      if case .writeRecord = effects.request?.kind { break }
      if effects.contains(.removeManifest) { _ = bench.feed(.removed, at: now) }
      switch effects.request?.kind {
      case .renew:
        index += 1
        effects = bench.answer(.granted(term: 10, modifiedIndex: index), at: now)
      case .readRecord: effects = bench.answer(record, at: now)
      default:
        now += 0.25
        effects = bench.wake(at: now)
      }
    }
    try #require(bench.answer(.recordWritten(modifiedIndex: index + 1), at: now).installs)
    _ = bench.feed(.installation(.failed(reason: "no such file", isUntouched: true)), at: now)
    let removed = bench.feed(.removed, at: now)
    #expect(removed.isReceipt(for: 10) == isAtOnce, "\(removed)")
    guard isAtOnce else { return }
    // What it installs later is waited for.
    #expect(
      bench.answer(.recordWritten(modifiedIndex: index + 2), at: now).kinds == [
        .release(prevIndex: index)
      ])
    _ = bench.answer(.released(index: index + 3), at: now)
    now += 5
    #expect(bench.wakeAndLook(at: now).kinds == [.create])
    index += 4
    _ = bench.claim(
      term: index, finding: .recordFound(Self.ended(10), modifiedIndex: index - 2), at: now)
    _ = bench.feed(.installation(.failed(reason: "cannot be synced", isUntouched: false)), at: now)
    #expect(!bench.feed(.removed, at: now).isReceipt(for: index))
  }

  private static func ended(_ term: UInt64) -> TermRecord { record(term, isEnded: true, of: me) }

  /// What comes before the release may take longer than that, and the watch is often faster than the answer.
  @Test func theTimeForOthersBeginsWhenTheLockIsFree() throws {
    var bench = try Bench(podStop: PodStop(detection: .zero, grace: .zero))
    bench.election.expectNoPod()
    let create = bench.contend()
    let watch = try #require(create.watch)
    _ = bench.claim(at: 0)
    _ = bench.feed(.installation(.failed(reason: "no such file", isUntouched: true)), at: 1)
    _ = bench.feed(.removed, at: 1)
    let release = bench.answer(.recordWritten(modifiedIndex: 12), at: 3)
    #expect(release.kinds == [.release(prevIndex: 10)])
    #expect(bench.feed(.watched(id: watch, .removed(index: 13)), at: 3).kinds == [])
    #expect(bench.answer(.released(index: 13), at: 3).kinds == [])
    // Five seconds from then on, and not from when it could not install.
    #expect(bench.wakeAndLook(at: 7.9).kinds == [])
    #expect(bench.wake(at: 8).kinds == [.create])
  }

  @Test func looksAtTheFilesOncePerSleepAndWhenTheyHaveChanged() throws {
    var bench = try Bench.leading()
    _ = bench.feed(.filesChanged, at: 1)
    // Not before they are quiet.
    _ = bench.feed(.filesChanged, at: 1.05)
    #expect(!bench.wake(at: 1.1).installs)
    #expect(bench.wake(at: 1.16).installs)
    #expect(
      bench.feed(.installation(.kept(reason: "gone")), at: 1.2) == [
        .report(.sourceFails(reason: "gone"))
      ])
    #expect(!bench.wake(at: 2).installs)
    #expect(bench.wake(at: 6.16).installs)
  }

  @Test func aFollowerTakesAwayWhatAppears() throws {
    var bench = try Bench.following()
    _ = bench.feed(.filesChanged, at: 1)
    #expect(bench.wake(at: 1.1) == [.removeManifest])
  }

  @Test func anInstallationThatCameTooLateIsRemoved() throws {
    var bench = try Bench.contending()
    _ = bench.claim(at: 4)
    #expect(bench.feed(.installation(.tooLate), at: 25).first == .removeManifest)
  }

  /// Manifest, pod, receipt, release: each only after the one before.
  @Test func stopsInOrder() throws {
    var bench = try Bench.leading(asksKubelet: true)
    #expect(bench.feed(.stop, at: 1) == [.removeManifest])
    #expect(bench.feed(.removed, at: 1) == [.awaitPodEnd(id: 1), .report(.awaitingPodEnd)])
    let receipt = bench.feed(.podEnded(id: 1), at: 3)
    #expect(receipt.count == 1)
    #expect(receipt.isReceipt(for: 10))
    let release = bench.answer(.recordWritten(modifiedIndex: 12), at: 3)
    #expect(release.kinds == [.release(prevIndex: 10)])
    #expect(
      bench.answer(.released(index: 13), at: 3) == [
        .report(.released(term: 10)), .finish(.clean),
      ])
    #expect(bench.feed(.woke, at: 100) == [])
  }

  private static let unproven = "no kubelet has said that the pod has ended"

  /// Nobody can say that the pod has ended, and the next leader waits as after a crash.
  @Test func withoutAKubeletAStopLeavesTheLockToExpire() throws {
    var bench = try Bench.leading()
    _ = bench.feed(.stop, at: 0.6)
    #expect(
      bench.feed(.removed, at: 0.7) == [
        .report(.notReleased(term: 10, reason: Self.unproven)), .finish(.clean),
      ])
  }

  /// The kubelet is dead, and its container may live.
  @Test func aSilentKubeletMakesNoReceipt() throws {
    var bench = try Bench.leading(asksKubelet: true)
    bench.stop(at: 1)
    // The lock is kept for as long as it may help.
    #expect(bench.wake(at: 5).kinds == [.renew(prevIndex: 10)])
    _ = bench.answer(.granted(term: 10, modifiedIndex: 14), at: 5)
    let effects = bench.feed(.podUnproven(id: 1), at: 5.5)
    #expect(effects.kinds == [])
    #expect(
      effects == [.report(.notReleased(term: 10, reason: Self.unproven)), .finish(.clean)])
  }

  /// It releases nothing, writes no receipt, and asks again once the lease has expired.
  @Test(arguments: [true, false]) func oneThatStepsDownWithoutEvidenceLetsItsLeaseExpire(
    asksKubelet: Bool
  ) throws {
    var bench = try Bench.leading(asksKubelet: asksKubelet)
    _ = bench.feed(.stepDown(for: .seconds(5)), at: 1)
    var left = bench.feed(.removed, at: 1)
    if asksKubelet {
      #expect(left == [.awaitPodEnd(id: 1)])
      left = bench.feed(.podUnproven(id: 1), at: 2)
    }
    #expect(left.reports == [.notReleased(term: 10, reason: Self.unproven)])
    #expect(left.kinds == [.read])
    let mine = Holder(name: "me", term: 10, modifiedIndex: 10)
    let found = bench.answer(.found(mine, index: 11), at: 2)
    #expect(!found.reports.contains(.nameClash(term: 10)))
    let watch = try #require(found.watch)
    let over = bench.feed(.watched(id: watch, .removed(index: 20)), at: 30)
    #expect(!over.kinds.contains { if case .writeRecord = $0 { true } else { false } })
    #expect(!over.kinds.contains(.create), "others come first")
    if asksKubelet {
      let later = over + bench.feed(.removed, at: 30)
      #expect(later.contains(.awaitPodEnd(id: 2)))
      #expect(bench.feed(.podEnded(id: 2), at: 31).isReceipt(for: 10))
    }
  }

  /// What never was needs no evidence of its end.
  @Test func oneThatCouldInstallNothingReleasesTheLockAtOnce() throws {
    var bench = try Bench()
    bench.election.expectNoPod()
    _ = bench.contend()
    _ = bench.claim(at: 0.5)
    let failed = bench.feed(.installation(.failed(reason: "gone", isUntouched: true)), at: 0.5)
    #expect(failed.first == .removeManifest)
    #expect(bench.feed(.removed, at: 0.5).isReceipt(for: 10))
    #expect(
      bench.answer(.recordWritten(modifiedIndex: 12), at: 0.5).kinds == [.release(prevIndex: 10)])
  }

  /// An earlier term of its own was open, and its pod may run still.
  @Test func oneThatHasInheritedItsOwnTermNeedsEvidenceWhateverItInstalls() throws {
    var bench = try Bench()
    _ = bench.contend()
    _ = bench.claim(finding: .recordFound(record(7, of: me), modifiedIndex: 8), at: 0.5)
    _ = bench.feed(.installation(.failed(reason: "gone", isUntouched: true)), at: 0.5)
    let left = bench.feed(.removed, at: 0.5)
    #expect(left.reports.contains(.notReleased(term: 10, reason: Self.unproven)))
    #expect(left.kinds == [.read])
  }

  @Test func aFollowerStopsAtOnce() throws {
    var bench = try Bench.following()
    #expect(bench.feed(.stop, at: 1) == [.finish(.clean)])
  }

  @Test func aStopWaitsForACreationUnderWayAndReleasesIt() throws {
    var bench = try Bench.contending()
    #expect(bench.feed(.stop, at: 0.1) == [])
    let release = bench.answer(.granted(term: 10, modifiedIndex: 10), at: 0.2)
    #expect(release.kinds == [.release(prevIndex: 10)])
    #expect(!release.installs)
  }

  @Test func aReleaseThatIsRefusedReadsAndTriesOnceMore() throws {
    var bench = try Bench(asksKubelet: true)
    _ = try bench.stopUpToTheRelease()
    let first = bench.answer(.changed, at: 1)
    #expect(first.kinds == [.read])
    let holder = Holder(name: "me", term: 10, modifiedIndex: 15)
    let second = bench.answer(.found(holder, index: 15), at: 1)
    #expect(second.kinds == [.release(prevIndex: 15)])
    #expect(bench.answer(.changed, at: 1).last == .finish(.clean))
  }

  @Test func aStoreThatIsAwayDoesNotHoldUpAStop() throws {
    var bench = try Bench(asksKubelet: true)
    _ = try bench.stopUpToTheRelease()
    let effects = bench.answer(.unanswered(reason: "timed out"), at: 3)
    #expect(effects.reports.contains(.notReleased(term: 10, reason: "timed out")))
    #expect(effects.last == .finish(.clean))
  }

  /// Others then wait for as long as our pod may run.
  @Test func aReceiptThatCannotBeWrittenLeavesTheLockToExpire() throws {
    var bench = try Bench.leading(asksKubelet: true)
    bench.stop(at: 1)
    _ = bench.feed(.podEnded(id: 1), at: 1)
    let effects = bench.answer(.unanswered(reason: "timed out"), at: 3)
    #expect(effects.kinds == [])
    #expect(effects.reports.contains(.notReleased(term: 10, reason: "timed out")))
    #expect(effects.last == .finish(.clean))
  }

  @Test func theLeaseIsKeptUntilThePodHasEnded() throws {
    var bench = try Bench.leading(asksKubelet: true)
    bench.stop(at: 1)
    let renewal = bench.wake(at: 5)
    #expect(renewal.kinds == [.renew(prevIndex: 10)])
    _ = bench.answer(.granted(term: 10, modifiedIndex: 14), at: 5)
    _ = bench.feed(.podEnded(id: 1), at: 5.5)
    #expect(
      bench.answer(.recordWritten(modifiedIndex: 15), at: 5.5).kinds == [
        .release(prevIndex: 14)
      ])
  }

  @Test func aPodThatDoesNotEndKeepsTheLockFromOthers() throws {
    var bench = try Bench.leading(asksKubelet: true)
    bench.stop(at: 1)
    let effects = bench.feed(.podOverdue(id: 1), at: 4)
    #expect(effects.kinds == [])
    #expect(effects.last == .finish(.clean))
  }

  /// The pod runs for as long as its manifest is there.
  @Test func aStopThatCannotRemoveRenewsUntilItCan() throws {
    var bench = try Bench.leading()
    _ = bench.feed(.stop, at: 1)
    #expect(bench.feed(.removeFailed(reason: "read-only"), at: 1).kinds == [])
    #expect(bench.election.snapshot(at: Instant(.seconds(1))).stuck == "read-only")
    var renewals = 0
    for second in 2..<200 {
      let now = Double(second)
      var effects = bench.wake(at: now)
      if effects.contains(.removeManifest) {
        effects += bench.feed(.removeFailed(reason: "read-only"), at: now)
      }
      guard case .renew(let index)? = effects.request?.kind else { continue }
      renewals += 1
      _ = bench.answer(.granted(term: 10, modifiedIndex: index + 1), at: now)
    }
    #expect(renewals > 30)
    #expect(bench.election.lease != nil)
    _ = bench.wake(at: 210)
    _ = bench.feed(.removed, at: 210)
    #expect(bench.election.snapshot(at: Instant(.seconds(210))).stuck == nil)
  }

  /// A machine that was paused with its clocks believes nothing from before.
  @Test(arguments: [(lost: 5.0, leads: true), (lost: 25, leads: false)])
  func aLeaseIsAsOldAsTheStoreSays(_ lost: Double, _ leads: Bool) throws {
    var bench = try Bench.leading()
    _ = bench.wake(at: 5)
    let effects = bench.feed(.stoodStill(total: .seconds(lost)), at: 6)
    #expect(bench.election.leads(at: Instant(.seconds(6))) == leads)
    #expect(effects.contains(.removeManifest) == !leads)
    // Once: it is the total.
    _ = bench.feed(.stoodStill(total: .seconds(lost)), at: 6)
    #expect(bench.election.leads(at: Instant(.seconds(6))) == leads)
  }

  /// Its answer may have waited in the machine while it stood still.
  @Test func aGrantToARequestFromBeforeIsAsOld() throws {
    var bench = try Bench.leading()
    _ = bench.feed(.installation(.installed), at: 5)
    _ = bench.wake(at: 5)
    _ = bench.feed(.stoodStill(total: .seconds(25)), at: 6)
    _ = bench.answer(.granted(term: 10, modifiedIndex: 12), at: 6)
    #expect(!bench.election.leads(at: Instant(.seconds(6))))
  }

  @Test func aStopWithoutALeaseDoesNotWaitForTheDisk() throws {
    var bench = try Bench()
    _ = bench.feed(.started, at: 0)
    _ = bench.feed(.stop, at: 1)
    #expect(bench.feed(.removeFailed(reason: "read-only"), at: 1).kinds == [])
    #expect(bench.wake(at: 2.25) == [.removeManifest])
    #expect(
      bench.feed(.removeFailed(reason: "read-only"), at: 4).last
        == .finish(.manifestLeft(reason: "read-only")))
  }

  @Test func aDiskThatTakesNoWritesIsToldAndKeepsTheLeader() throws {
    var bench = try Bench.leading()
    _ = bench.wake(at: 6)
    let effects = bench.feed(.installation(.fixed(reason: "read-only")), at: 6)
    #expect(effects.contains(.report(.diskFails(reason: "read-only"))))
    #expect(
      bench.election.leads(at: Instant(.seconds(6)))
        && bench.election.snapshot(at: Instant(.seconds(6))).stuck == "read-only")
    _ = bench.wake(at: 12)
    _ = bench.feed(.installation(.installed), at: 12)
    #expect(bench.election.snapshot(at: Instant(.seconds(12))).stuck == nil)
  }

  @Test func doesNotHammerAStoreThatForgets() throws {
    var bench = try Bench()
    var effects = bench.follow()
    let first = try #require(effects.watch)
    effects = bench.feed(.watched(id: first, .historyCleared), at: 1)
    #expect(effects.kinds == [.read])
    effects = bench.answer(.found(other, index: 2000), at: 1)
    let second = try #require(effects.watch)
    #expect(effects.contains(.watch(id: second, after: 2000)))
    #expect(bench.feed(.watched(id: second, .historyCleared), at: 1).kinds == [])
  }

  // MARK: A manifest that expires by itself

  private static func installation(_ effects: [Election.Effect]) -> Double? {
    for case .installManifest(_, let before) in effects { return before.sinceStart / .seconds(1) }
    return nil
  }

  @Test func eachRenewalWritesALaterDeadlineIntoAManifestThatExpires() throws {
    for expires in [true, false] {
      var bench = try Bench(asksKubelet: true, manifestExpires: expires)
      _ = bench.contend()
      // What ran before has to end first, where its time would be counted.
      let claimed = bench.claim(at: 0.5)
      #expect(Self.installation(claimed) == (expires ? nil : 20))
      if expires {
        #expect(claimed.contains(.report(.awaitingPodEnd)))
        #expect(Self.installation(bench.feed(.podEnded(id: 1), at: 0.6)) == 20)
      }
      _ = bench.feed(.installation(.installed), at: 0.7)
      let renewal = bench.wake(at: 5)
      if renewal.installs { _ = bench.feed(.installation(.installed), at: 5) }
      let renewed = bench.answer(.granted(term: 10, modifiedIndex: 20), at: 5.2)
      #expect(Self.installation(renewed) == (expires ? 25 : nil))
    }
  }

  /// The kubelet would count the new pod's time from when the old one has ended.
  @Test func withoutAKubeletToAskTheLongestTimeOfAnEarlierPodIsWaitedFor() throws {
    var bench = try Bench(
      podStop: PodStop(detection: .seconds(1), grace: .seconds(2)), manifestExpires: true)
    _ = bench.contend()
    #expect(!bench.claim(at: 0.5).installs)
    // A young pod's detection, grace and a quarter of a second, from when its manifest was found absent.
    #expect(!bench.wakeAndLook(at: 6.2).installs)
    #expect(bench.wake(at: 6.3).installs)
  }
}
