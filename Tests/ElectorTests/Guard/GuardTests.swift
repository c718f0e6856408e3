import Testing

@testable import Elector

@Suite struct GuardTests {
  private static let content = ManifestBytes(Array("kind: Pod\n".utf8))

  private static func at(_ seconds: Int64) -> BootInstant {
    BootInstant(nanoseconds: 1_000_000_000_000) + .seconds(seconds)
  }

  private static func install(until seconds: Int64, id: UInt32 = 1) -> GuardRequest {
    GuardRequest(id: id, .install(until: self.at(seconds), content: self.content))
  }

  private static func extend(to seconds: Int64, id: UInt32 = 2) -> GuardRequest {
    GuardRequest(id: id, .extend(until: self.at(seconds)))
  }

  /// Hands an event in and carries out the file effects as a file system would in which all goes well.
  /// - Returns: all effects but the alarms.
  private static func play(
    _ guardian: inout Guard, _ event: Guard.Event, at seconds: Int64
  ) -> [Guard.Effect] {
    var all: [Guard.Effect] = []
    var events = [event]
    while !events.isEmpty {
      for effect in guardian.handle(events.removeFirst(), at: self.at(seconds)) {
        switch effect {
        case .install(let request): events.append(.installed(request, .done))
        case .remove(let index, _, let request):
          events.append(.removed(manifest: index, request: request, .absent(wasThere: true)))
        case .wake: continue
        default: break
        }
        all.append(effect)
      }
    }
    return all
  }

  private func running() -> Guard {
    var guardian = Guard(manifests: 1, at: Self.at(0))
    #expect(Self.play(&guardian, .woke, at: 0) == [.startElector])
    return guardian
  }

  /// Installed at 0, until 20.
  private func guarding() -> Guard {
    var guardian = self.running()
    let request = Self.install(until: 20)
    #expect(
      Self.play(&guardian, .requested(request), at: 0)
        == [.install(request), .answer(GuardAnswer(id: 1, .done))])
    return guardian
  }

  private static let removal = Guard.Effect.remove(manifest: 0, .own, request: nil)
  private static let expired = [removal, .report(.removed(0, .deadline))]
  private static let orphaned = [removal, .report(.removed(0, .electorGone))]

  /// What comes after an installation at 0 that is good until 20.
  @Test(
    arguments: [
      ("a look before the deadline", .woke, 19, []),
      ("the deadline", .woke, 20, expired),
      ("long after the deadline, as after a suspension", .woke, 4000, expired),
      ("an extension", .requested(extend(to: 25)), 15, [.answer(GuardAnswer(id: 2, .done))]),
      (
        "an extension that is too late itself", .requested(extend(to: 25)), 25,
        [.answer(GuardAnswer(id: 2, .tooLate))] + expired
      ),
      (
        "an installation whose deadline has passed", .requested(install(until: 29, id: 3)), 30,
        [.answer(GuardAnswer(id: 3, .tooLate)), removal, .report(.refused(manifest: 0))]
          + expired.dropFirst()
      ),
      (
        "an orderly removal", .requested(GuardRequest(id: 4, .remove)), 5,
        [.remove(manifest: 0, .anything, request: 4), .answer(GuardAnswer(id: 4, .done))]
      ),
      ("the end of the connection", .hungUp, 5, orphaned),
      (
        "a manifest that nobody has", .requested(GuardRequest(id: 5, manifest: 1, .remove)), 5,
        [.answer(GuardAnswer(id: 5, .failed(reason: "there is no such manifest")))]
      ),
      ("a signal", .signal(15), 5, [.signalElector(15)]),
      (
        "kill -9", .electorEnded(.signal(9)), 5,
        [removal, .report(.electorEnded(.signal(9), restartIn: .seconds(1)))]
          + orphaned.dropFirst()
      ),
      ("its own end", .electorEnded(.code(0)), 5, orphaned + [.finish(code: 0)]),
      (
        "a mistake, which the one before did not find", .electorEnded(.code(64)), 5,
        [removal, .report(.electorEnded(.code(64), restartIn: .seconds(1)))]
          + orphaned.dropFirst()
      ),
      (
        "another configuration", .reconfigured(manifests: 2), 5, [.signalElector(15)]
      ),
      (
        "another guard in its place", .placeTaken(manifest: 0, by: "x"), 5,
        [.killElector, .report(.placeTaken(manifest: 0, by: "x"))]
      ),
      (
        "nonsense", .spokeNonsense(.tooShort), 5,
        [.killElector, removal, .report(.nonsense(.tooShort))] + orphaned.dropFirst()
      ),
    ] as [(Comment, Guard.Event, Int64, [Guard.Effect])])
  func whileAManifestIsThere(
    _ what: Comment, _ event: Guard.Event, at seconds: Int64, _ effects: [Guard.Effect]
  ) {
    var guardian = self.guarding()
    #expect(Self.play(&guardian, event, at: seconds) == effects, what)
  }

  @Test func anExtensionMovesTheDeadline() {
    var guardian = self.guarding()
    #expect(
      guardian.handle(.requested(Self.extend(to: 25)), at: Self.at(15)).contains(
        .wake(at: Self.at(25))))
    #expect(Self.play(&guardian, .woke, at: 24) == [])
    #expect(Self.play(&guardian, .woke, at: 25) == Self.expired)
    #expect(Self.play(&guardian, .woke, at: 26) == [], "once is enough")
  }

  /// What an elector says that was stopped and goes on.
  @Test func whatIsSaidAfterTheDeadlineChangesNothing() {
    var guardian = self.guarding()
    _ = Self.play(&guardian, .woke, at: 20)
    #expect(
      Self.play(&guardian, .requested(Self.extend(to: 25)), at: 21)
        == [.answer(GuardAnswer(id: 2, .tooLate))], "there is nothing to keep")
    #expect(
      Self.play(&guardian, .requested(Self.install(until: 20)), at: 21)
        == [.answer(GuardAnswer(id: 1, .tooLate)), .report(.refused(manifest: 0))])
    let anew = Self.install(until: 41, id: 9)
    #expect(
      Self.play(&guardian, .requested(anew), at: 21)
        == [.install(anew), .answer(GuardAnswer(id: 9, .done))], "the lease is held anew")
  }

  /// A guard may be stopped between the request and the rename: the lease is over then, or another elector leads.
  @Test(arguments: [(4, true, true), (5, true, false), (6, true, false), (4, false, false)])
  func aManifestTakesItsNameOnlyWhileItsLeaseLasts(
    now: Int64, isConnected: Bool, mayInstall: Bool
  ) {
    #expect(
      GuardLoop.mayInstall(
        before: BootInstant(nanoseconds: 5), at: BootInstant(nanoseconds: now),
        isConnected: isConnected) == mayInstall)
  }

  /// It was stopped while we wrote.
  @Test func whatWasInstalledTooLateIsRemovedAtOnce() {
    var guardian = self.running()
    let request = Self.install(until: 20)
    #expect(guardian.handle(.requested(request), at: Self.at(19)) == [.install(request)])
    #expect(
      guardian.handle(.installed(request, .done), at: Self.at(21)).prefix(2)
        == [.answer(GuardAnswer(id: 1, .done)), Self.removal])
  }

  /// After a failure that may have come when the file had its name already.
  @Test(arguments: [(true, []), (false, expired)] as [(Bool, [Guard.Effect])])
  func whatMayHaveBeenInstalledIsRemovedToo(isUntouched: Bool, _ effects: [Guard.Effect]) {
    var guardian = self.running()
    let request = Self.install(until: 20)
    #expect(guardian.handle(.requested(request), at: Self.at(0)) == [.install(request)])
    _ = guardian.handle(
      .installed(request, .failed(reason: "no", isUntouched: isUntouched)), at: Self.at(0))
    #expect(Self.play(&guardian, .woke, at: 20) == effects)
  }

  @Test func oneThatHasHungUpIsNotHeard() {
    var guardian = self.guarding()
    _ = Self.play(&guardian, .hungUp, at: 5)
    for kind in [GuardRequest.Kind.remove, Self.install(until: 99).kind, Self.extend(to: 99).kind] {
      #expect(Self.play(&guardian, .requested(GuardRequest(id: 7, kind)), at: 6) == [])
    }
    #expect(
      Self.play(&guardian, .electorEnded(.code(1)), at: 7)
        == [.report(.electorEnded(.code(1), restartIn: .seconds(1)))])
  }

  /// It does not remove what is there, and does not go on.
  @Test func oneWhosePlaceIsTakenEnds() {
    var guardian = self.guarding()
    _ = Self.play(&guardian, .placeTaken(manifest: 0, by: "x"), at: 5)
    #expect(Self.play(&guardian, .placeTaken(manifest: 0, by: "x"), at: 5) == [])
    #expect(Self.play(&guardian, .requested(Self.install(until: 99)), at: 5) == [])
    #expect(
      Self.play(&guardian, .electorEnded(.signal(9)), at: 6) == [.finish(code: Guard.takenCode)])
  }

  /// Before an elector has worked its mistakes are for good; afterwards they are the file's, which may be mended.
  @Test(arguments: [64, 78] as [Int32]) func onlyTheFirstElectorsMistakeIsFinal(_ code: Int32) {
    var first = self.running()
    #expect(Self.play(&first, .electorEnded(.code(code)), at: 1) == [.finish(code: code)])
    var second = self.guarding()
    _ = Self.play(&second, .electorEnded(.signal(9)), at: 1)
    #expect(Self.play(&second, .woke, at: 2) == [.startElector])
    #expect(
      Self.play(&second, .electorEnded(.code(code)), at: 2)
        == [.report(.electorEnded(.code(code), restartIn: .seconds(2)))])
    #expect(Self.play(&second, .woke, at: 4) == [.startElector])
  }

  /// The elector stops in order, and the next one starts with the new configuration when nothing of the old is left.
  @Test func anotherConfigurationCountsWhenTheOldOneIsGone() {
    var guardian = self.guarding()
    _ = Self.play(&guardian, .reconfigured(manifests: 3), at: 5)
    #expect(Self.play(&guardian, .reconfigured(manifests: 2), at: 6) == [.signalElector(15)])
    let failure = Guard.Event.removed(manifest: 0, request: nil, .failed(reason: "no"))
    #expect(guardian.handle(.electorEnded(.code(0)), at: Self.at(7)).contains(Self.removal))
    #expect(guardian.handle(failure, at: Self.at(7)).contains(.report(.cannotRemove(reason: "no"))))
    #expect(guardian.handle(.woke, at: Self.at(8)).first == Self.removal)
    let gone = Guard.Event.removed(manifest: 0, request: nil, .absent(wasThere: true))
    #expect(guardian.handle(gone, at: Self.at(8)).contains(.useConfiguration))
    let second = GuardRequest(
      id: 9, manifest: 1, .install(until: Self.at(99), content: Self.content))
    #expect(
      Self.play(&guardian, .requested(second), at: 9)
        == [.install(second), .answer(GuardAnswer(id: 9, .done))])
  }

  @Test(arguments: [(.code(0), 0), (.code(78), 1), (.signal(11), 1)] as [(ElectorEnd, Int64)])
  func aReloadNeverEndsTheGuard(_ end: ElectorEnd, pause: Int64) {
    var guardian = self.guarding()
    _ = Self.play(&guardian, .requested(GuardRequest(id: 4, .remove)), at: 1)
    _ = Self.play(&guardian, .reconfigured(manifests: 1), at: 2)
    let ended = Self.play(&guardian, .electorEnded(end), at: 3)
    #expect(ended.contains(.startElector) == (pause == 0))
    if pause > 0 {
      #expect(Self.play(&guardian, .woke, at: 4) == [.useConfiguration, .startElector])
    }
    // A stop counts more.
    _ = Self.play(&guardian, .reconfigured(manifests: 1), at: 5)
    _ = Self.play(&guardian, .signal(15), at: 6)
    #expect(Self.play(&guardian, .electorEnded(.code(0)), at: 7) == [.finish(code: 0)])
  }

  @Test func itIsStartedAgainLaterEachTime() {
    var guardian = self.running()
    var now: Int64 = 0
    for pause in [1, 2, 4, 8, 16, 30, 30] as [Int64] {
      let effects = guardian.handle(.electorEnded(.signal(11)), at: Self.at(now))
      #expect(
        effects == [
          .report(.electorEnded(.signal(11), restartIn: .seconds(pause))),
          .wake(at: Self.at(now + pause)),
        ])
      #expect(Self.play(&guardian, .woke, at: now + pause - 1) == [])
      #expect(Self.play(&guardian, .woke, at: now + pause) == [.startElector])
      now += pause
    }
    // After a good run at once.
    #expect(
      Self.play(&guardian, .electorEnded(.code(1)), at: now + 60)
        == [.report(.electorEnded(.code(1), restartIn: .seconds(1)))])
  }

  @Test func aFailedStartIsTriedAgain() {
    var guardian = self.running()
    #expect(
      guardian.handle(.notStarted(reason: "no memory"), at: Self.at(0)) == [
        .report(.notStarted(reason: "no memory", retryIn: .seconds(1))), .wake(at: Self.at(1)),
      ])
    #expect(Self.play(&guardian, .woke, at: 1) == [.startElector])
  }

  /// How the elector ends after a `SIGTERM`, and with which code we do.
  @Test(
    arguments: [(.code(0), 0), (.code(1), 1), (.signal(15), 0), (.signal(9), 137)]
      as [(ElectorEnd, Int32)])
  func aStopEndsWithTheElector(_ end: ElectorEnd, _ code: Int32) {
    var guardian = self.running()
    #expect(Self.play(&guardian, .signal(15), at: 1) == [.signalElector(15)])
    #expect(Self.play(&guardian, .signal(2), at: 2) == [.signalElector(2)])
    #expect(Self.play(&guardian, .electorEnded(end), at: 3) == [.finish(code: code)])
    #expect(Self.play(&guardian, .woke, at: 99) == [])
  }

  @Test func aStopDuringThePauseIsTheEnd() {
    var guardian = self.running()
    _ = Self.play(&guardian, .electorEnded(.signal(9)), at: 1)
    #expect(Self.play(&guardian, .signal(15), at: 1) == [.finish(code: 0)])
  }

  /// Even if an elector runs again by then, which knows nothing of it.
  @Test func aRemovalIsTriedUntilItSucceeds() {
    var guardian = self.guarding()
    let failure = Guard.Event.removed(manifest: 0, request: nil, .failed(reason: "no"))
    #expect(guardian.handle(.electorEnded(.signal(9)), at: Self.at(5)).contains(Self.removal))
    #expect(
      guardian.handle(failure, at: Self.at(5)) == [.report(.cannotRemove(reason: "no"))])
    #expect(guardian.handle(.woke, at: Self.at(6)).prefix(2) == [Self.removal, .startElector])
    #expect(guardian.handle(failure, at: Self.at(6)) == [.wake(at: Self.at(7))])
    #expect(
      Self.play(&guardian, .requested(Self.extend(to: 99)), at: 6)
        == [.answer(GuardAnswer(id: 2, .tooLate))])
    #expect(Self.play(&guardian, .woke, at: 7) == Self.orphaned)
  }

  @Test func whatIsLeftAtTheEndIsSaid() {
    var guardian = self.guarding()
    #expect(guardian.handle(.electorEnded(.code(0)), at: Self.at(5)).contains(Self.removal))
    #expect(
      guardian.handle(
        .removed(manifest: 0, request: nil, .failed(reason: "no")), at: Self.at(5))
        == [
          .report(.cannotRemove(reason: "no")), .report(.left(reason: "no")), .finish(code: 1),
        ])
  }

  @Test func eachManifestHasADeadlineOfItsOwn() {
    var guardian = Guard(manifests: 2, at: Self.at(0))
    _ = Self.play(&guardian, .woke, at: 0)
    for (manifest, end) in [(0, 10), (1, 20)] as [(UInt16, Int64)] {
      _ = Self.play(
        &guardian,
        .requested(
          GuardRequest(
            id: 1, manifest: manifest, .install(until: Self.at(end), content: Self.content))), at: 0
      )
    }
    #expect(Self.play(&guardian, .woke, at: 10) == Self.expired)
    #expect(
      Self.play(&guardian, .electorEnded(.signal(9)), at: 11).contains(
        .remove(manifest: 1, .own, request: nil)))
  }
}
