import EtcdClient
import TestSupport
import Testing

@testable import Elector

/// A young pod ends later, and only its leader knows its age: the record tells others.
@Suite struct PodAgeTests {
  /// A leader whose record is read along; `--ttl-secs 30 --sleep 5s`, D 1 s and 4 s, G 30 s.
  private struct Leader {
    var bench: Bench
    var index: UInt64 = 100
    /// How long the pod may outlive the lease, by each record so far.
    var times: [Duration] = []
    /// The latest record at each installation.
    var timesAtInstallation: [Duration?] = []
    var question: Int?
    var isInstalled = false
    /// Whether the store answers renewals.
    var renews = true

    init() throws {
      self.bench = try Bench(asksKubelet: true, podStop: PodStop())
      let effects = self.bench.contend()
      self.takeIn(effects, at: 0)
      self.takeIn(self.bench.answer(.granted(term: 10, modifiedIndex: 10), at: 0), at: 0)
    }

    mutating func takeIn(_ effects: [Election.Effect], at now: Double) {
      var pending = effects
      while !pending.isEmpty {
        switch pending.removeFirst() {
        case .observePod(let id): self.question = id
        case .installManifest:
          if !self.isInstalled { self.timesAtInstallation.append(self.times.last) }
          self.isInstalled = true
          pending += self.bench.feed(.installation(.installed), at: now)
        case .removeManifest:
          self.isInstalled = false
          pending += self.bench.feed(.removed, at: now)
        case .send(let request):
          self.index += 1
          switch request.kind {
          case .readRecord: pending += self.bench.answer(.recordAbsent, at: now)
          case .writeRecord(let record, _):
            self.times.append(record.podOutlivesLease)
            pending += self.bench.answer(.recordWritten(modifiedIndex: self.index), at: now)
          case .renew where self.renews:
            pending += self.bench.answer(.granted(term: 10, modifiedIndex: self.index), at: now)
          case .renew: pending += self.bench.answer(.failed(reason: "away"), at: now)
          case .read, .create, .release: break
          }
        default: break
        }
      }
    }

    mutating func wake(at now: Double) { self.takeIn(self.bench.wake(at: now), at: now) }

    mutating func observe(_ containers: [String]?, at now: Double) throws {
      self.wake(at: now)
      let id = try #require(self.question, "at \(now) s")
      self.question = nil
      let observation = containers.map {
        PodObservation(isRunning: !$0.isEmpty, restarts: 0, containers: $0)
      }
      self.takeIn(self.bench.feed(.podObserved(id: id, observation), at: now), at: now)
    }
  }

  private static let (young, settled) = (
    Duration.microseconds(24_257_500), Duration.microseconds(21_257_500)
  )

  /// Containers as they are seen every five seconds, from the installation on, and the records that follow.
  @Test(
    arguments: [
      ([["a"], ["a"]], [young]),
      ([["a"], ["a"], ["a"]], [young, settled]),
      // One was restarted, or the kubelet does not answer: it may be young again.
      ([["a"], ["a"], ["a"], ["b"]], [young, settled, young]),
      ([["a"], ["a"], ["a"], nil, ["a"], ["a"]], [young, settled, young]),
      ([["a"], ["a"], ["a"], ["b"], ["b"], ["b"]], [young, settled, young, settled]),
      ([["a"], ["b"], ["b"]], [young]),
      // None runs, or not all of them.
      ([[], [], []], [young]), ([nil, nil, nil, nil], [young]),
    ] as [([[String]?], [Duration])])
  func theRecordGivesAYoungPodItsTime(seen: [[String]?], records: [Duration]) throws {
    var leader = try Leader()
    #expect(leader.isInstalled)
    for (look, containers) in seen.enumerated() {
      try leader.observe(containers, at: 5.1 * Double(look + 1))
    }
    #expect(leader.times == records)
    #expect(leader.isInstalled)
  }

  /// The lease was not believed for a while; the pod of the same term that follows is a young one.
  @Test func whatIsInstalledAgainIsYoung() throws {
    var leader = try Leader()
    for look in 1...3 { try leader.observe(["a"], at: 5.1 * Double(look)) }
    #expect(leader.times == [Self.young, Self.settled])
    leader.renews = false
    for second in 16...40 { leader.wake(at: Double(second)) }
    #expect(!leader.isInstalled)
    leader.renews = true
    // Its manifest waits for the record.
    var now = 41.0
    while leader.times.count == 2, now < 60 {
      #expect(!leader.isInstalled)
      leader.wake(at: now)
      now += 0.5
    }
    #expect(leader.times == [Self.young, Self.settled, Self.young])
    #expect(leader.isInstalled)
    #expect(leader.timesAtInstallation == [Self.young, Self.young])
  }

  /// A write without an answer may arrive later, and shorten what has become young meanwhile.
  @Test func aRecordThatMayArriveLaterIsWrittenOver() throws {
    let timing = try Timing(ttlSeconds: 30, sleep: .seconds(5))
    var ledger = TermLedger(
      candidate: Candidate(name: "me", bootID: "b", destination: "d"), timing: timing)
    ledger.won(at: .start)
    ledger.foundNothing(at: .start)
    let claim = try #require(ledger.claimSteps(for: 10, since: .start).first)
    guard case .writeRecord(let record, _) = claim.kind else {
      Issue.record("\(claim)")
      return
    }
    ledger.isSent(claim.kind)
    ledger.wrote(record, modifiedIndex: 11)
    #expect(ledger.allowsYoungPod(of: 10))
    let shorter = try #require(ledger.ageSteps(for: 10, isYoung: false).first)
    ledger.isSent(shorter.kind)
    ledger.failed(mayBeApplied: true, at: .start)
    #expect(!ledger.allowsYoungPod(of: 10))
    ledger.isSent(.readRecord)
    ledger.found(record, modifiedIndex: 11, at: .start)
    #expect(!ledger.allowsYoungPod(of: 10), "it may arrive now")
    let longer = try #require(ledger.ageSteps(for: 10, isYoung: true).first)
    ledger.isSent(longer.kind)
    ledger.wrote(record, modifiedIndex: 12)
    #expect(ledger.allowsYoungPod(of: 10))
    #expect(ledger.ageSteps(for: 10, isYoung: true).isEmpty)
  }

  /// Its container may have ended by itself, and be about to start again.
  @Test func aYoungPodHasNotEndedBeforeItsKubeletHasNoticed() {
    var watch = PodEndWatch(
      detection: .seconds(4), grace: .seconds(2), isOnlyOne: true, isYoung: true)
    for (isListed, seconds) in [(true, 0.1), (false, 0.2), (false, 0.3), (false, 3.9)] {
      #expect("\(watch.heard(isListed: isListed, after: .seconds(seconds)))".hasPrefix("ask"))
    }
    _ = watch.heard(isListed: false, after: .seconds(4))
    #expect(watch.heard(isListed: false, after: .seconds(4.1)) == .ended)
  }

  @Test(arguments: [(2, true), (3, false)]) func theKubeletIsAskedByThePodsAge(
    looks: Int, isYoung: Bool
  ) throws {
    var leader = try Leader()
    for look in 1...looks { try leader.observe(["a"], at: 5.1 * Double(look)) }
    let effects = leader.bench.feed(.stop, at: 16) + leader.bench.feed(.removed, at: 16)
    #expect(effects.contains(.awaitPodEnd(id: 1, isYoung: isYoung)))
  }
}
