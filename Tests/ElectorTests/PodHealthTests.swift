import Testing

@testable import Elector

/// One who holds the lock and whose pod does not run gives it away.
@Suite struct PodHealthTests {
  private static let limits = PodLimits(startDeadline: .seconds(20), maxRestarts: 2)

  private static func answer(
    to request: Election.Request.Kind, index: UInt64
  ) -> Election.Answer {
    switch request {
    case .read: .absent(index: index)
    case .create, .renew: .granted(term: 10, modifiedIndex: index)
    case .readRecord: .recordAbsent
    case .writeRecord: .recordWritten(modifiedIndex: index)
    case .release: .released(index: index)
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
    var bench = try Bench.leading(asksKubelet: true, podLimits: Self.limits)
    var question: Int?
    var index: UInt64 = 100
    for (look, observation) in what.observations.enumerated() {
      let now = Double(5 * (look + 1)) + 0.5
      var pending = bench.wake(at: now)
      while !pending.isEmpty {
        switch pending.removeFirst() {
        case .observePod(let id): question = id
        case .send(let request):
          index += 1
          pending += bench.answer(Self.answer(to: request.kind, index: index), at: now)
        case .installManifest: pending += bench.feed(.installation(.installed), at: now)
        default: break
        }
      }
      let id = try #require(question, "look \(look + 1)")
      question = nil
      let effects = bench.feed(.podObserved(id: id, observation), at: now)
      let failure = effects.compactMap {
        if case .report(.podFails(let reason, _)) = $0 { reason } else { nil }
      }.first
      guard look + 1 == what.givesUpAt else {
        #expect(failure == nil, "look \(look + 1)")
        continue
      }
      #expect(failure?.hasPrefix(what.reason) == true, "\(failure ?? "nothing")")
      #expect(effects.contains(.removeManifest))
      #expect(!bench.election.leads(at: Instant(.seconds(now))))
      return
    }
    #expect(what.givesUpAt == nil)
  }

  /// Nor with them before a while has passed.
  @Test(arguments: [(PodLimits(), 20.0), (limits, 5.4)])
  func nothingIsAskedWithoutLimits(_ limits: PodLimits, _ now: Double) throws {
    var bench = try Bench.leading(asksKubelet: true, podLimits: limits)
    #expect(!bench.wake(at: now).contains { if case .observePod = $0 { true } else { false } })
  }
}
