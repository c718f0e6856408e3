import Testing

@testable import Elector

@Suite struct GuardLoopTests {
  private static let request = GuardRequest(id: 1, .remove)

  /// The facts that a loop hands to the guard until it waits; none of them has an effect.
  private func facts(_ loop: inout GuardLoop) -> [Guard.Event] {
    var facts: [Guard.Event] = []
    while let step = loop.next() {
      guard case .handle(let event) = step else { continue }
      facts.append(event)
      loop.decided([])
    }
    return facts
  }

  private func facts(_ sight: GuardSight) -> [Guard.Event] {
    var loop = GuardLoop()
    #expect(loop.isIdle)
    loop.saw(sight)
    return self.facts(&loop)
  }

  @Test func whatTheElectorSaysComesLast() {
    var sight = GuardSight()
    (sight.signals, sight.hasRung) = ([15], true)
    (sight.connection, sight.requests) = (.open, [Self.request])
    #expect(self.facts(sight) == [.signal(15), .woke, .requested(Self.request)])
  }

  @Test func anElectorThatHasEndedOrHungUpIsNotHeard() {
    var sight = GuardSight()
    (sight.connection, sight.requests) = (.closed, [Self.request])
    #expect(self.facts(sight) == [.hungUp])
    sight.electorEnd = .code(1)
    #expect(self.facts(sight) == [.electorEnded(.code(1))])
    sight.connection = .open
    #expect(self.facts(sight) == [.electorEnded(.code(1))])
  }

  @Test func nothingIsTakenInWhileAFileIsWaitedFor() {
    var loop = GuardLoop()
    loop.receive(.woke)
    _ = loop.next()
    loop.decided([.remove(manifest: 0, .own, request: nil)])
    _ = loop.next()
    #expect(!loop.isIdle)
    var sight = GuardSight()
    sight.signals = [15]
    loop.saw(sight)
    if loop.next() != nil { Issue.record("it does not wait") }
    let removed = Guard.Event.removed(manifest: 0, request: nil, .absent(wasThere: true))
    loop.concluded(removed)
    #expect(self.facts(&loop) == [removed, .signal(15)])
  }

  @Test func aManifestTakesItsNameOnlyForAnElectorThatIsThereAndInTime() {
    let now = BootInstant(nanoseconds: 5)
    let later = BootInstant(nanoseconds: 6)
    #expect(GuardLoop.mayInstall(before: later, at: now, isConnected: true))
    #expect(!GuardLoop.mayInstall(before: now, at: now, isConnected: true))
    #expect(!GuardLoop.mayInstall(before: later, at: now, isConnected: false))
  }
}

@Suite struct GuardRequestsTests {
  @Test func anAnswerAfterTheLimitShowsThatTheGuardLives() throws {
    var requests = GuardRequests()
    let sent = requests.send(.remove)
    let id = try #require(sent).id
    let afterLimit = requests.reachedLimit(of: id)
    #expect(afterLimit == .silent)
    let late = requests.answered(GuardAnswer(id: id, .done))
    #expect(late == nil)
    let hangsUp = requests.ranOutOfPatience(with: id, after: .seconds(1))
    #expect(!hangsUp)
  }

  @Test func aSilentGuardIsLostWhenTheConnectionIsClosed() throws {
    var requests = GuardRequests()
    let removal = requests.send(.remove)
    let extending = requests.send(.extend(until: BootInstant(nanoseconds: 1)))
    let (first, second) = (try #require(removal).id, try #require(extending).id)
    let silent = requests.reachedLimit(of: second)
    #expect(silent == .silent)
    let hangsUp = requests.ranOutOfPatience(with: second, after: .seconds(1))
    #expect(hangsUp)
    #expect(requests.loss == nil)
    let (ids, loss) = requests.closed()
    #expect(ids == [first] && loss == .silent(for: .seconds(1)))
    let refused = requests.send(.remove)
    #expect(refused == nil)
  }
}
