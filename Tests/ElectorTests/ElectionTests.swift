import EtcdClient
import TestSupport
import Testing

@testable import Elector

/// How one election gets a lease, keeps it, and follows.
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
    var mine = Bench.record(10, of: Bench.me)
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
    let open = Election.Answer.recordFound(Bench.record(7), modifiedIndex: 8)
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
    let mine = Election.Answer.recordFound(Bench.record(7, of: Bench.me), modifiedIndex: 8)
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
    let endless = Election.Answer.found(Bench.other, index: 9, remaining: .endless)
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
      .found(Bench.other, index: 9, remaining: remaining.map { .known($0) } ?? .unknown), at: 0)
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
}
