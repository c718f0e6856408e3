import Testing

@testable import Elector

/// One election, fed by hand; `--ttl-secs 30 --sleep 5s`: renewal each 5 s, deadline after 20 s.
private struct Bench {
  var election: Election

  init(awaitsPodEnd: Bool = false) throws {
    self.election = Election(
      name: "me", timing: try Timing(ttlSeconds: 30, sleep: .seconds(5)),
      awaitsPodEnd: awaitsPodEnd)
  }

  /// What follows apart from alarms.
  mutating func feed(_ event: Election.Event, at seconds: Double) -> [Election.Effect] {
    self.election.handle(event, at: Instant(.seconds(seconds))).filter {
      if case .wake = $0 { false } else { true }
    }
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
  mutating func answer(
    _ answer: Election.Answer, to effects: [Election.Effect], at seconds: Double
  ) -> [Election.Effect] {
    guard let request = effects.request else {
      Issue.record("no request in \(effects)")
      return []
    }
    return self.feed(.answered(id: request.id, answer), at: seconds)
  }

  /// Starts and becomes the master at 0 s, with term 10.
  mutating func lead() -> [Election.Effect] {
    _ = self.feed(.started, at: 0)
    let read = self.feed(.removed, at: 0)
    let create = self.answer(.absent(index: 9), to: read, at: 0)
    let install = self.answer(.granted(term: 10, modifiedIndex: 10), to: create, at: 0.5)
    return install + self.feed(.installed, at: 0.5) + create
  }
}

extension [Election.Effect] {
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

private let other = Holder(name: "other", term: 4, modifiedIndex: 8)

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
    _ = bench.feed(.started, at: 0)
    let read = bench.feed(.removed, at: 0)
    let create = bench.answer(.absent(index: 9), to: read, at: 1)
    #expect(create.kinds == [.create])
    #expect(create.contains(.watch(id: 3, after: 9)))
    #expect(
      bench.answer(.granted(term: 10, modifiedIndex: 10), to: create, at: 2) == [
        // Believed from when the creation was sent, at 1 s, for 30 - 10 s.
        .installManifest(term: 10, before: Instant(.seconds(21))),
        .report(.acquired(term: 10)), .report(.leading),
      ])
  }

  @Test func followsAndTakesOverWhenTheWatchTells() throws {
    var bench = try Bench()
    _ = bench.feed(.started, at: 0)
    let follow = bench.answer(.found(other, index: 9), to: bench.feed(.removed, at: 0), at: 0)
    #expect(
      follow == [.watch(id: 2, after: 9), .report(.following(master: "other"))])
    let next = bench.feed(.watched(id: 2, .removed(index: 12)), at: 3)
    #expect(next.kinds == [.create])
    #expect(next.contains(.watch(id: 4, after: 12)))
  }

  @Test func readsOncePerSleepShouldTheWatchBeDeaf() throws {
    var bench = try Bench()
    _ = bench.feed(.started, at: 0)
    _ = bench.answer(.found(other, index: 9), to: bench.feed(.removed, at: 0), at: 0)
    #expect(bench.wake(at: 4.9).kinds == [])
    let read = bench.wakeAndLook(at: 5)
    #expect(read.kinds == [.read])
    #expect(read.reports == [.following(master: "other")])
    #expect(bench.answer(.absent(index: 20), to: read, at: 5.1).kinds == [.create])
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
      if effects.contains(where: { if case .installManifest = $0 { true } else { false } }) {
        effects += bench.feed(.installed, at: now)
      }
      if effects.reports.contains(.leading) { lines.append(now) }
      if effects.request != nil { pending = effects }
      if !pending.isEmpty {
        index += 1
        _ = bench.answer(.granted(term: 10, modifiedIndex: index), to: pending, at: now)
        pending = []
      }
    }
    #expect(lines == [0.5, 5.5, 10.5, 15.5, 20.5, 25.5])
  }

  @Test func renewsByTheIndexItWroteLast() throws {
    var bench = try Bench()
    _ = bench.lead()
    let first = bench.wake(at: 5)
    #expect(first.kinds == [.renew(prevIndex: 10)])
    _ = bench.answer(.granted(term: 10, modifiedIndex: 14), to: first, at: 5.1)
    #expect(bench.wake(at: 10).kinds == [.renew(prevIndex: 14)])
  }

  @Test func removesAtTheDeadlineWhateverIsUnderWay() throws {
    var bench = try Bench()
    _ = bench.lead()
    let renewal = bench.wake(at: 5)
    #expect(!bench.wake(at: 19.99).contains(.removeManifest))
    let fence = bench.wake(at: 20)
    #expect(fence.first == .removeManifest)
    #expect(fence.reports == [.lost(term: 10, .deadline)])
    _ = bench.feed(.removed, at: 20)
    // The answer comes after all. It counts from when its request was sent, at 5 s: up to 25 s.
    let again = bench.answer(.granted(term: 10, modifiedIndex: 11), to: renewal, at: 24)
    #expect(again.first == .installManifest(term: 10, before: Instant(.seconds(25))))
    #expect(again.reports.first == .regained(term: 10))
  }

  @Test func anAnswerAfterItsOwnDeadlineInstallsNothing() throws {
    var bench = try Bench()
    _ = bench.feed(.started, at: 0)
    let create = bench.answer(.absent(index: 9), to: bench.feed(.removed, at: 0), at: 0)
    let late = bench.answer(.granted(term: 10, modifiedIndex: 10), to: create, at: 20)
    #expect(!late.installs)
    #expect(late.kinds == [.renew(prevIndex: 10)])
    #expect(bench.feed(.removed, at: 20) == [])
    #expect(bench.answer(.granted(term: 10, modifiedIndex: 11), to: late, at: 21).installs)
  }

  @Test func aLostAnswerIsFollowedByAReadThatExtendsNothing() throws {
    var bench = try Bench()
    _ = bench.lead()
    let renewal = bench.wake(at: 5)
    _ = bench.answer(.unanswered(reason: "timed out"), to: renewal, at: 7)
    let read = bench.wake(at: 8.25)
    #expect(read.kinds == [.read])
    let holder = Holder(name: "me", term: 10, modifiedIndex: 17)
    let next = bench.answer(.found(holder, index: 17), to: read, at: 8.3)
    #expect(next.kinds == [.renew(prevIndex: 17)])
    #expect(next.reports == [.storeAnswersAgain])
    #expect(bench.election.lease?.sentAt == .start)
  }

  @Test func aLostConnectionIsFollowedByTheSameRenewal() throws {
    var bench = try Bench()
    _ = bench.lead()
    let failed = bench.answer(.failed(reason: "refused"), to: bench.wake(at: 5), at: 5)
    #expect(failed.reports == [.storeFails(reason: "refused")])
    #expect(bench.wake(at: 6.25).kinds == [.renew(prevIndex: 10)])
  }

  @Test(arguments: [
    Election.Answer.absent(index: 30),
    .found(Holder(name: "me", term: 11, modifiedIndex: 11), index: 30),
    .found(Holder(name: "other", term: 10, modifiedIndex: 12), index: 30),
  ]) func stepsDownAtOnceWhenTheReadAfterARefusalSaysSo(_ answer: Election.Answer) throws {
    var bench = try Bench()
    _ = bench.lead()
    let read = bench.answer(.changed, to: bench.wake(at: 5), at: 5)
    #expect(read.kinds == [.read])
    let effects = bench.answer(answer, to: read, at: 5)
    #expect(effects.first == .removeManifest)
    #expect(bench.election.lease == nil)
    // No creation while the manifest may be there.
    #expect(effects.kinds == [])
  }

  @Test(arguments: [
    Election.Change.removed(index: 12), .written(Holder(name: "x", term: 12, modifiedIndex: 12)),
  ]) func stepsDownWhenTheKeyIsTakenAwayFromUnderIt(_ change: Election.Change) throws {
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
    #expect(
      bench.feed(.watched(id: watch, .written(mine)), at: 1) == [.watch(id: 4, after: 10)])
  }

  /// The watch can be faster than the answer.
  @Test func theEchoOfACreationIsNoClash() throws {
    var bench = try Bench()
    _ = bench.feed(.started, at: 0)
    let create = bench.answer(.absent(index: 9), to: bench.feed(.removed, at: 0), at: 0)
    let mine = Holder(name: "me", term: 10, modifiedIndex: 10)
    let watch = try #require(create.watch)
    #expect(bench.feed(.watched(id: watch, .written(mine)), at: 0.1).reports == [])
    #expect(bench.answer(.granted(term: 10, modifiedIndex: 10), to: create, at: 0.2).installs)
  }

  @Test func aGrantThatTheWatchSawEndAlreadyIsNone() throws {
    var bench = try Bench()
    _ = bench.feed(.started, at: 0)
    let create = bench.answer(.absent(index: 9), to: bench.feed(.removed, at: 0), at: 0)
    let watch = try #require(create.watch)
    _ = bench.feed(.watched(id: watch, .removed(index: 11)), at: 0.1)
    let effects = bench.answer(.granted(term: 10, modifiedIndex: 10), to: create, at: 0.2)
    #expect(!effects.installs)
    #expect(effects.kinds == [.read])
  }

  @Test func oneNameInTwoPlacesIsToldOncePerTermAndNotMerged() throws {
    var bench = try Bench()
    _ = bench.feed(.started, at: 0)
    let twin = Holder(name: "me", term: 7, modifiedIndex: 7)
    let found = bench.answer(.found(twin, index: 9), to: bench.feed(.removed, at: 0), at: 0)
    #expect(found.reports == [.nameClash(term: 7), .following(master: "me")])
    #expect(!found.installs)
    let again = bench.answer(.found(twin, index: 9), to: bench.wake(at: 5), at: 5)
    #expect(again.reports == [])
  }

  @Test func aCreationWithoutAnAnswerIsNotClaimedByName() throws {
    var bench = try Bench()
    _ = bench.feed(.started, at: 0)
    let create = bench.answer(.absent(index: 9), to: bench.feed(.removed, at: 0), at: 0)
    _ = bench.answer(.unanswered(reason: "timed out"), to: create, at: 2)
    let read = bench.wake(at: 4)
    #expect(read.kinds == [.read])
    let mine = Holder(name: "me", term: 10, modifiedIndex: 10)
    let found = bench.answer(.found(mine, index: 10), to: read, at: 4)
    #expect(found.reports.contains(.nameClash(term: 10)))
    #expect(!found.installs)
  }

  @Test func answersToOtherRequestsAreIgnored() throws {
    var bench = try Bench()
    _ = bench.lead()
    let renewal = bench.wake(at: 5)
    let id = try #require(renewal.request?.id)
    let stray = Election.Answer.absent(index: 50)
    #expect(bench.feed(.answered(id: id - 1, stray), at: 5) == [])
    _ = bench.answer(.granted(term: 10, modifiedIndex: 11), to: renewal, at: 5.1)
    #expect(bench.feed(.answered(id: id, stray), at: 5.2) == [])
    #expect(bench.election.leads(at: Instant(.seconds(6))))
  }

  @Test func aStoreThatWentBackEndsTheTerm() throws {
    var bench = try Bench()
    _ = bench.lead()
    let read = bench.answer(.changed, to: bench.wake(at: 5), at: 5)
    let mine = Holder(name: "me", term: 10, modifiedIndex: 3)
    let effects = bench.answer(.found(mine, index: 3), to: read, at: 5)
    #expect(effects.first == .removeManifest)
    #expect(effects.reports.contains(.storeWentBack(from: 10, to: 3)))
  }

  @Test func oneWhoCannotInstallGivesTheLockAwayAndStandsBack() throws {
    var bench = try Bench()
    _ = bench.feed(.started, at: 0)
    let create = bench.answer(.absent(index: 9), to: bench.feed(.removed, at: 0), at: 0)
    _ = bench.answer(.granted(term: 10, modifiedIndex: 10), to: create, at: 0)
    let failed = bench.feed(.installFailed(reason: "no such file"), at: 1)
    #expect(failed.first == .removeManifest)
    #expect(
      failed.reports == [.cannotInstall(reason: "no such file", retryIn: .seconds(5))])
    let release = bench.feed(.removed, at: 1)
    #expect(release.kinds == [.release(prevIndex: 10)])
    #expect(bench.answer(.released(index: 11), to: release, at: 1).kinds == [])
    #expect(bench.wake(at: 5.9) == [])
    let again = bench.wakeAndLook(at: 6)
    #expect(again.kinds == [.create])
    _ = bench.answer(.granted(term: 12, modifiedIndex: 12), to: again, at: 6)
    #expect(
      bench.feed(.installFailed(reason: "no such file"), at: 6).reports == [
        .cannotInstall(reason: "no such file", retryIn: .seconds(10))
      ])
  }

  @Test func looksAtTheFilesOncePerSleepAndWhenTheyHaveChanged() throws {
    var bench = try Bench()
    _ = bench.lead()
    _ = bench.feed(.filesChanged, at: 1)
    // Not before they are quiet.
    _ = bench.feed(.filesChanged, at: 1.05)
    #expect(!bench.wake(at: 1.1).installs)
    #expect(bench.wake(at: 1.16).installs)
    #expect(bench.feed(.kept(reason: "gone"), at: 1.2) == [.report(.sourceFails(reason: "gone"))])
    #expect(!bench.wake(at: 2).installs)
    #expect(bench.wake(at: 6.16).installs)
  }

  @Test func aFollowerTakesAwayWhatAppears() throws {
    var bench = try Bench()
    _ = bench.feed(.started, at: 0)
    _ = bench.answer(.found(other, index: 9), to: bench.feed(.removed, at: 0), at: 0)
    _ = bench.feed(.filesChanged, at: 1)
    #expect(bench.wake(at: 1.1) == [.removeManifest])
  }

  @Test func anInstallationThatCameTooLateIsRemoved() throws {
    var bench = try Bench()
    _ = bench.feed(.started, at: 0)
    let create = bench.answer(.absent(index: 9), to: bench.feed(.removed, at: 0), at: 0)
    _ = bench.answer(.granted(term: 10, modifiedIndex: 10), to: create, at: 19)
    #expect(bench.feed(.installTooLate, at: 25).first == .removeManifest)
  }

  @Test func stopsInOrder() throws {
    var bench = try Bench()
    _ = bench.lead()
    #expect(bench.feed(.stop, at: 1) == [.removeManifest])
    let release = bench.feed(.removed, at: 1)
    #expect(release.kinds == [.release(prevIndex: 10)])
    #expect(
      bench.answer(.released(index: 11), to: release, at: 1) == [
        .report(.released(term: 10)), .finish(.clean),
      ])
    #expect(bench.feed(.woke, at: 100) == [])
  }

  @Test func aFollowerStopsAtOnce() throws {
    var bench = try Bench()
    _ = bench.feed(.started, at: 0)
    _ = bench.answer(.found(other, index: 9), to: bench.feed(.removed, at: 0), at: 0)
    #expect(bench.feed(.stop, at: 1) == [.finish(.clean)])
  }

  @Test func aStopWaitsForACreationUnderWayAndReleasesIt() throws {
    var bench = try Bench()
    _ = bench.feed(.started, at: 0)
    let create = bench.answer(.absent(index: 9), to: bench.feed(.removed, at: 0), at: 0)
    #expect(bench.feed(.stop, at: 0.1) == [])
    let release = bench.answer(.granted(term: 10, modifiedIndex: 10), to: create, at: 0.2)
    #expect(release.kinds == [.release(prevIndex: 10)])
    #expect(!release.installs)
  }

  @Test func aReleaseThatIsRefusedReadsAndTriesOnceMore() throws {
    var bench = try Bench()
    _ = bench.lead()
    _ = bench.feed(.stop, at: 1)
    let first = bench.answer(.changed, to: bench.feed(.removed, at: 1), at: 1)
    #expect(first.kinds == [.read])
    let holder = Holder(name: "me", term: 10, modifiedIndex: 15)
    let second = bench.answer(.found(holder, index: 15), to: first, at: 1)
    #expect(second.kinds == [.release(prevIndex: 15)])
    #expect(bench.answer(.changed, to: second, at: 1).last == .finish(.clean))
  }

  @Test func aStoreThatIsAwayDoesNotHoldUpAStop() throws {
    var bench = try Bench()
    _ = bench.lead()
    _ = bench.feed(.stop, at: 1)
    let release = bench.feed(.removed, at: 1)
    let effects = bench.answer(.unanswered(reason: "timed out"), to: release, at: 3)
    #expect(effects.reports.contains(.notReleased(term: 10, reason: "timed out")))
    #expect(effects.last == .finish(.clean))
  }

  @Test func theLeaseIsKeptUntilThePodHasEnded() throws {
    var bench = try Bench(awaitsPodEnd: true)
    _ = bench.lead()
    _ = bench.feed(.stop, at: 1)
    #expect(bench.feed(.removed, at: 1) == [.report(.awaitingPodEnd), .awaitPodEnd])
    let renewal = bench.wake(at: 5)
    #expect(renewal.kinds == [.renew(prevIndex: 10)])
    _ = bench.answer(.granted(term: 10, modifiedIndex: 11), to: renewal, at: 5)
    #expect(bench.feed(.podEnded, at: 5.5).kinds == [.release(prevIndex: 11)])
  }

  @Test func aPodThatDoesNotEndKeepsTheLockFromOthers() throws {
    var bench = try Bench(awaitsPodEnd: true)
    _ = bench.lead()
    _ = bench.feed(.stop, at: 1)
    _ = bench.feed(.removed, at: 1)
    let effects = bench.feed(.podOverdue, at: 4)
    #expect(effects.kinds == [])
    #expect(effects.last == .finish(.clean))
  }

  @Test func aManifestThatCannotBeRemovedKeepsTheLockAndIsTold() throws {
    var bench = try Bench()
    _ = bench.lead()
    _ = bench.feed(.stop, at: 1)
    #expect(bench.feed(.removeFailed(reason: "read-only"), at: 1).kinds == [])
    #expect(bench.wake(at: 2.25) == [.removeManifest])
    #expect(
      bench.feed(.removeFailed(reason: "read-only"), at: 3).last
        == .finish(.manifestLeft(reason: "read-only")))
  }

  @Test func doesNotHammerAStoreThatForgets() throws {
    var bench = try Bench()
    _ = bench.feed(.started, at: 0)
    var effects = bench.answer(.found(other, index: 9), to: bench.feed(.removed, at: 0), at: 0)
    let first = try #require(effects.watch)
    effects = bench.feed(.watched(id: first, .historyCleared), at: 1)
    #expect(effects.kinds == [.read])
    effects = bench.answer(.found(other, index: 2000), to: effects, at: 1)
    let second = try #require(effects.watch)
    #expect(effects.contains(.watch(id: second, after: 2000)))
    #expect(bench.feed(.watched(id: second, .historyCleared), at: 1).kinds == [])
  }
}

@Suite struct TimingTests {
  @Test func followsFromTTLAndSleep() throws {
    let recipe = try Timing(ttlSeconds: 30, sleep: .seconds(5))
    #expect(recipe.margin == .seconds(10))
    #expect(recipe.renewDeadline == .seconds(20))
    #expect(recipe.renewPeriod == .seconds(5))
    #expect(recipe.requestTimeout == .seconds(2))
    let quick = try Timing(ttlSeconds: 1, sleep: .seconds(5))
    #expect(quick.renewPeriod < .milliseconds(167))
    #expect(quick.requestTimeout >= .milliseconds(100))
  }

  @Test(arguments: [Int64(0), -1, 1 << 40]) func refusesATTL(_ seconds: Int64) {
    #expect(throws: TimingError.ttl(seconds)) {
      try Timing(ttlSeconds: seconds, sleep: .seconds(5))
    }
  }

  @Test func refusesASleepOfNothing() {
    #expect(throws: TimingError.sleep(.zero)) { try Timing(ttlSeconds: 30, sleep: .zero) }
  }

  @Test func pausesGrowUpToABound() throws {
    let timing = try Timing(ttlSeconds: 60, sleep: .seconds(20))
    let pauses = (1...5).map { timing.retryPause(afterFailures: $0, keepingLease: false) }
    #expect(pauses == [.seconds(2.5), .seconds(5), .seconds(10), .seconds(20), .seconds(20)])
    #expect(timing.retryPause(afterFailures: 9, keepingLease: true) == .seconds(10))
    #expect(timing.standBack(afterFailures: 9) == .seconds(160))
  }
}
