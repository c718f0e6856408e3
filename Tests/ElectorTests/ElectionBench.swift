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
  static let me = Candidate(name: "me", bootID: "boot", destination: "/manifests/s.yaml")
  static let other = Holder(name: "other", term: 4, modifiedIndex: 8)

  /// A record of another one's term, or of ours; a pod may run for 12 s after the lease.
  static func record(
    _ term: UInt64, isEnded: Bool = false,
    of candidate: Candidate = Candidate(name: "other", bootID: "b")
  ) -> TermRecord {
    TermRecord(
      term: term, isEnded: isEnded, candidate: candidate, podOutlivesLease: .seconds(12))
  }

  var election: Election
  /// The latest request.
  private var underWay: Election.Request?

  /// A pod takes up to 31 s to end, and 0.2575 s are for clocks and scheduling.
  init(
    asksKubelet: Bool = false, podStop: PodStop = .ageless, podLimits: PodLimits = PodLimits(),
    manifestExpires: Bool = false
  ) throws {
    self.election = Election(
      candidate: Bench.me,
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
    return self.answer(.found(Bench.other, index: 9), at: 0) + self.answer(record, at: 0)
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
  mutating func stopUpToTheRelease() throws -> [Election.Effect] {
    _ = self.lead()
    self.stop(at: 1)
    let receipt = self.feed(.podEnded(id: 1), at: 1)
    try #require(receipt.isReceipt(for: 10))
    return self.answer(.recordWritten(modifiedIndex: 12), at: 1)
  }
}

extension [Election.Effect] {
  func isReceipt(for term: UInt64) -> Bool {
    guard case .writeRecord(let record, .some) = self.request?.kind else { return false }
    return record.term == term && record.isEnded && record.candidate == Bench.me
  }
  var request: Election.Request? {
    for case .send(let request) in self { return request }
    return nil
  }
  var kinds: [Election.Request.Kind] {
    self.compactMap { if case .send(let request) = $0 { request.kind } else { nil } }
  }
  var reports: [Election.Report] {
    self.compactMap { if case .report(let report) = $0 { report } else { nil } }
  }
  var watch: Int? {
    for case .watch(let id, _) in self { return id }
    return nil
  }
  var installs: Bool {
    self.contains { if case .installManifest = $0 { true } else { false } }
  }
}
