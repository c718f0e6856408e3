import Testing

@testable import Elector

/// One who holds the lock and whose pod does not run gives it away.
@Suite struct PodHealthTests {
  private static let limits = PodLimits(startDeadline: .seconds(20), maxRestarts: 2)

  private static func leading(_ limits: PodLimits = Self.limits) throws -> (Election, Int?) {
    var election = Election(
      candidate: Candidate(name: "me", bootID: "boot", destination: "/m"),
      timing: try Timing(ttlSeconds: 30, sleep: .seconds(5)), asksKubelet: true,
      podLimits: limits)
    _ = election.handle(.started, at: .start)
    var question: Int?
    var effects = election.handle(.removed, at: .start)
    var index: UInt64 = 9
    // To the read, the creation, the read of the record and its writing.
    for _ in 0..<4 {
      index += 1
      effects = Self.answer(effects, &election, index: index, at: .start)
    }
    #expect(effects.contains { if case .installManifest = $0 { true } else { false } })
    for effect in election.handle(.installed, at: .start) {
      if case .observePod(let id) = effect { question = id }
    }
    return (election, question)
  }

  private static func answer(
    _ effects: [Election.Effect], _ election: inout Election, index: UInt64, at now: Instant
  ) -> [Election.Effect] {
    effects.flatMap { effect -> [Election.Effect] in
      guard case .send(let request) = effect else { return [] }
      let answer: Election.Answer =
        switch request.kind {
        case .read: .absent(index: index)
        case .create, .renew: .granted(term: 11, modifiedIndex: index)
        case .readRecord: .recordAbsent
        case .writeRecord: .recordWritten(modifiedIndex: index)
        case .release: .released(index: index)
        }
      return election.handle(.answered(id: request.id, answer), at: now)
    }
  }

  private struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var observations: [PodObservation?]
    /// The look at which it gives up, counted from one; every look is 5 s after the one before.
    var givesUpAt: Int?
    var reason = ""
  }

  private static let runs = PodObservation(isRunning: true, restarts: 0)
  private static let doesNotRun = PodObservation(isRunning: false, restarts: 0)

  @Test(arguments: [
    Case(testDescription: "it runs", observations: Array(repeating: runs, count: 10)),
    Case(
      testDescription: "it never starts", observations: Array(repeating: doesNotRun, count: 10),
      givesUpAt: 4, reason: "the kubelet has not run it for --start-deadline"),
    Case(
      testDescription: "the kubelet is dead", observations: Array(repeating: nil, count: 10),
      givesUpAt: 4, reason: "the kubelet has not said for --start-deadline"),
    Case(
      testDescription: "it starts late, stops, and starts again",
      observations: [
        doesNotRun, doesNotRun, doesNotRun, runs, doesNotRun, nil, doesNotRun, runs, doesNotRun,
      ]),
    Case(
      testDescription: "it stops for good",
      observations: [runs, runs, doesNotRun, doesNotRun, nil, doesNotRun, doesNotRun],
      givesUpAt: 6, reason: "the kubelet has not run it for --start-deadline"),
    Case(
      testDescription: "it crashes",
      observations: [
        runs, PodObservation(isRunning: true, restarts: 2),
        PodObservation(isRunning: true, restarts: 3),
      ],
      givesUpAt: 3,
      reason: "its containers were restarted 3 times, more often than --max-restarts 2"),
  ]) private func theLockGoesWhenThePodDoesNotRun(_ what: Case) throws {
    var (election, question) = try Self.leading()
    var index: UInt64 = 100
    #expect(question == nil, "it is asked only after a while")
    for (look, observation) in what.observations.enumerated() {
      let now = Instant(.seconds(5 * (look + 1)))
      var pending = election.handle(.woke, at: now)
      var reports: [Election.Report] = []
      while !pending.isEmpty {
        let effect = pending.removeFirst()
        switch effect {
        case .observePod(let id): question = id
        case .send:
          index += 1
          pending += Self.answer([effect], &election, index: index, at: now)
        case .installManifest: pending += election.handle(.installed, at: now)
        case .report(let report): reports.append(report)
        default: break
        }
      }
      let id = try #require(question, "look \(look + 1)")
      question = nil
      let effects = election.handle(.podObserved(id: id, observation), at: now)
      let failure = effects.compactMap {
        if case .report(.podFails(let reason, _)) = $0 { reason } else { nil }
      }.first
      guard look + 1 == what.givesUpAt else {
        #expect(failure == nil, "look \(look + 1)")
        continue
      }
      #expect(failure?.hasPrefix(what.reason) == true, "\(failure ?? "nothing")")
      #expect(effects.contains(.removeManifest))
      #expect(!election.leads(at: now))
      return
    }
    #expect(what.givesUpAt == nil)
  }

  @Test func nothingIsAskedWithoutLimits() throws {
    var (election, question) = try Self.leading(PodLimits())
    #expect(question == nil)
    let effects = election.handle(.woke, at: Instant(.seconds(20)))
    #expect(!effects.contains { if case .observePod = $0 { true } else { false } })
  }
}
