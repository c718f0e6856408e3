import EtcdClient
import TestSupport
import Testing

@testable import Elector

/// How an election leaves the lock: what it waits for, and what it leaves behind.
extension ElectionTests {
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
    _ = bench.claim(finding: .recordFound(Bench.record(7, of: Bench.me), modifiedIndex: 8), at: 0.5)
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
    effects = bench.answer(.found(Bench.other, index: 2000), at: 1)
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
