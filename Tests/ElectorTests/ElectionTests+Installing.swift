import EtcdClient
import TestSupport
import Testing

@testable import Elector

/// What an election does with its manifest, and when it cannot.
extension ElectionTests {
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
      term: 14,
      finding: .recordFound(Bench.record(10, isEnded: true, of: Bench.me), modifiedIndex: 12),
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
      (false, nil, true), (true, nil, false),
      (false, Bench.record(7, isEnded: true, of: Bench.me), true),
      (false, Bench.record(7), true), (false, Bench.record(7, of: Bench.me), false),
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

  /// Else it would try again and again, and its renewals would wait behind. Found by the simulator's seed 63329 by v3.
  @Test func anInstallationThatIsTooLateWaitsForARenewal() throws {
    var bench = try Bench.contending()
    try #require(bench.claim(at: 0).installs)
    #expect(bench.feed(.installation(.tooLate), at: 1).first == .removeManifest)
    #expect(!bench.feed(.removed, at: 1).installs)
    let renewal = bench.wake(at: 10)
    #expect(!renewal.installs)
    try #require(renewal.kinds.contains { if case .renew = $0 { true } else { false } })
    #expect(bench.answer(.granted(term: 10, modifiedIndex: 12), at: 10).installs)
  }

  /// Its pod of an earlier term lives on under a dead kubelet, and another node led meanwhile, by the time that has
  /// passed: that is no evidence. Found by the simulator's seed 24224.
  @Test func oneWhoCannotInstallStillOwesTheEndOfAnEarlierPod() throws {
    var bench = try Bench()
    bench.election.expectNoPod()
    let watch = try #require(bench.contend().watch)
    try #require(bench.claim(term: 10, at: 0).installs)
    _ = bench.feed(.installation(.installed), at: 0)
    try #require(
      bench.feed(.watched(id: watch, .removed(index: 20)), at: 5).contains(.removeManifest))
    let next = bench.feed(.removed, at: 5)
    #expect(!bench.election.podHasEnded)
    try #require(next.kinds == [.create], "\(next)")
    let receipt = Election.Answer.recordFound(Bench.record(21, isEnded: true), modifiedIndex: 22)
    try #require(bench.claim(term: 24, finding: receipt, at: 5).installs)
    _ = bench.feed(.installation(.failed(reason: "no space", isUntouched: true)), at: 5)
    let removed = bench.feed(.removed, at: 5)
    #expect(!removed.isReceipt(for: 24), "\(removed)")
    #expect(!bench.election.podHasEnded)
  }

  private static func ended(_ term: UInt64) -> TermRecord {
    Bench.record(term, isEnded: true, of: Bench.me)
  }

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
}
