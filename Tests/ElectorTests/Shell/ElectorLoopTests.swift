import Testing

@testable import Elector

@Suite struct ElectorLoopTests {
  private static let end = Instant(.seconds(20))

  /// What a loop does until it waits, in short.
  private func steps(_ loop: inout ElectorLoop) -> [String] {
    var steps: [String] = []
    while let step = loop.next() {
      switch step {
      case .handle(let event): steps.append("handle \(event)")
      case .carryOut(let effect): steps.append("carry out \(effect)")
      case .settled: steps.append("settled")
      }
    }
    return steps
  }

  @Test func aRemovalHoldsUpWhatComesAfterIt() {
    var loop = ElectorLoop()
    loop.receive(.started)
    loop.receive(.woke)
    #expect(self.steps(&loop) == ["handle started", "handle woke"])
    loop.decided([.removeManifest, .wake(at: Self.end)])
    loop.receive(.filesChanged)
    #expect(self.steps(&loop) == ["carry out removeManifest"])
    loop.concluded(.removed)
    #expect(
      self.steps(&loop) == [
        "carry out \(Election.Effect.wake(at: Self.end))", "settled", "handle removed",
        "handle filesChanged",
      ])
  }

  @Test func nothingFollowsOnTheEnd() {
    var loop = ElectorLoop()
    loop.receive(.woke)
    loop.decided([.finish(.clean)])
    #expect(self.steps(&loop) == ["carry out \(Election.Effect.finish(.clean))"])
    loop.receive(.stop)
    #expect(self.steps(&loop) == [])
  }
}

@Suite struct ManifestChangeTests {
  @Test func aRemovalIsDoneAtOnceAndThenAskedFor() {
    var change = ManifestChange.removal(isGuarded: true)
    #expect(change.first == .removeFile)
    let next = change.removedFile(failure: "read-only")
    #expect(next == .askGuard)
    #expect(change.answered(.answered(.done)) == .end(.removal(failure: nil), mayBeThere: false))
    #expect(
      change.answered(.lost(.closed)) == .end(.removal(failure: "read-only"), mayBeThere: false))
    #expect(
      change.answered(.answered(.failed(reason: "full")))
        == .end(.removal(failure: "full"), mayBeThere: false))
  }

  @Test(
    arguments: [
      (.answered(.done), .installed, true),
      (.answered(.tooLate), .tooLate, false),
      (.answered(.failed(reason: "no")), .failed(reason: "no", isUntouched: false), true),
      (
        .answered(.failed(reason: "no", isUntouched: true)),
        .failed(reason: "no", isUntouched: true), false
      ),
      (
        .silent,
        .failed(
          reason: "the guard did not answer before the lease's end", isUntouched: false), true
      ),
      (.lost(.closed), .lost, false),
    ] as [(GuardRequests.Conclusion, ElectionInstallation, Bool)])
  func whatBecomesOfTheGuardsAnswer(
    _ answer: GuardRequests.Conclusion, _ expected: ElectionInstallation, mayBeThere: Bool
  ) {
    var change = ManifestChange.installation(isGuarded: true)
    #expect(change.first == .makeContent)
    let next = change.made(.done)
    #expect(next == .askGuard)
    #expect(
      change.answered(answer) == .end(.installation(expected), mayBeThere: mayBeThere))
  }

  /// A guard that writes to a disk that hangs could no longer remove anything in time.
  @Test func aDiskThatTakesNoTrialIsNotWrittenToAndTheGuardIsNotAsked() {
    let change = ManifestChange.installation(isGuarded: true, isThere: true)
    #expect(change.first == .tryDisk)
    #expect(change.triedDisk(failure: nil) == .makeContent)
    #expect(
      change.triedDisk(failure: "read-only")
        == .end(.installation(.fixed(reason: "read-only")), mayBeThere: false))
    #expect(
      change.sourceHangs("slow") == .end(.installation(.kept(reason: "slow")), mayBeThere: false))
    let first = ManifestChange.installation(isGuarded: true, isThere: false)
    #expect(first.first == .makeContent)
    #expect(
      first.sourceHangs("slow")
        == .end(.installation(.failed(reason: "slow", isUntouched: true)), mayBeThere: false))
  }

  @Test func aSourceThatCannotBeReadKeepsWhatIsThere() {
    var change = ManifestChange.installation(isGuarded: false)
    let next = change.made(.done, keptBecause: "no such file")
    #expect(next == .placeContent)
    #expect(
      change.answered(.answered(.done))
        == .end(.installation(.kept(reason: "no such file")), mayBeThere: true))
  }
}
