import Testing

@testable import KVStore

@Suite struct WriterLoopTests {
  private static let start = StoreTime(nanoseconds: 1_000_000_000)
  private static let path = StorePath("/a")

  private func at(_ seconds: Double) -> StoreTime {
    StoreTime(nanoseconds: Self.start.nanoseconds + Int64(seconds * 1e9))
  }

  /// Writes so many changes in one batch, and carries out the steps up to the next wait.
  /// - Returns: the steps that followed, in short.
  private func write(
    _ count: Int, to loop: inout WriterLoop, at now: StoreTime, commits: Bool = true
  ) -> [String] {
    loop.received(
      (0..<count).map { .set(Self.path, .init(value: Array("\($0)".utf8))) }, isClosing: false,
      at: now)
    return self.settle(&loop, at: now, commits: commits)
  }

  private func settle(
    _ loop: inout WriterLoop, at now: StoreTime, commits: Bool = true
  ) -> [String] {
    var steps: [String] = []
    while true {
      switch loop.next(at: now) {
      case .commit:
        steps.append("commit")
        if commits {
          loop.committed(at: now)
        } else {
          loop.refused(cause: "full", at: now)
        }
      case .publish: steps.append("publish")
      case .answer: steps.append("answer")
      case .fold(let backlog, let index):
        steps.append("fold \(backlog.changeCount) up to \(index)")
        loop.folded()
      case .wait, .close: return steps
      }
    }
  }

  private func waits(_ loop: inout WriterLoop, at now: StoreTime) -> StoreTime?? {
    if case .wait(let until) = loop.next(at: now) { until } else { nil }
  }

  @Test func aBatchIsSettledBeforeTheNextOneIsTaken() {
    var loop = WriterLoop(tree: KeyTree())
    #expect(self.waits(&loop, at: Self.start) == .some(nil))
    #expect(self.write(2, to: &loop, at: Self.start) == ["commit", "publish", "answer"])
    #expect(loop.tree.index == 2)
    #expect(self.write(1, to: &loop, at: Self.start, commits: false) == ["commit", "answer"])
    #expect(loop.tree.index == 2)
  }

  @Test func theTableIsBroughtUpToDateASecondAfterTheFirstChangeThatItLacks() {
    var loop = WriterLoop(tree: KeyTree())
    _ = self.write(1, to: &loop, at: Self.start)
    _ = self.write(1, to: &loop, at: self.at(0.9))
    #expect(self.waits(&loop, at: self.at(0.9)) == .some(self.at(1)))
    #expect(self.write(0, to: &loop, at: self.at(1)) == ["answer", "fold 2 up to 2"])
    #expect(self.waits(&loop, at: self.at(1)) == .some(nil))
  }

  @Test func manyChangesAreNotWaitedFor() {
    var loop = WriterLoop(tree: KeyTree())
    _ = self.write(Backlog.limit - 1, to: &loop, at: Self.start)
    #expect(self.waits(&loop, at: Self.start) == .some(self.at(1)))
    #expect(
      self.write(1, to: &loop, at: Self.start)
        == ["commit", "publish", "answer", "fold \(Backlog.limit) up to \(Backlog.limit)"])
  }

  @Test func aTableThatCannotBeWrittenIsTriedAgainASecondLater() {
    var loop = WriterLoop(tree: KeyTree())
    _ = self.write(1, to: &loop, at: Self.start)
    guard case .fold = loop.next(at: self.at(1)) else {
      Issue.record("the table is not brought up to date")
      return
    }
    loop.foldFailed(at: self.at(1.5))
    #expect(self.waits(&loop, at: self.at(1.5)) == .some(self.at(2.5)))
    #expect(self.write(1, to: &loop, at: self.at(2.5)).last == "fold 2 up to 2")
  }

  @Test func aStoreThatIsToldToStopTakesWhatWaitsAndBringsTheTableUpToDate() {
    var loop = WriterLoop(tree: KeyTree())
    loop.received([.set(Self.path, .init(value: []))], isClosing: true, at: Self.start)
    #expect(self.settle(&loop, at: Self.start) == ["commit", "publish", "answer"])
    #expect(self.waits(&loop, at: Self.start) == .some(self.at(1)))
    loop.received([], isClosing: true, at: Self.start)
    guard case .fold(let backlog, upTo: 1) = loop.next(at: Self.start) else {
      Issue.record("the table is not brought up to date")
      return
    }
    #expect(backlog.changeCount == 1)
    // Whatever comes of it.
    loop.foldFailed(at: Self.start)
    if case .close = loop.next(at: Self.start) {} else { Issue.record("it is not closed") }
  }
}
