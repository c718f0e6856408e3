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
    _ count: Int, to loop: inout WriterLoop, at now: StoreTime, value: Int = 1,
    commits: Bool = true
  ) -> [String] {
    let value = [UInt8](repeating: 0x31, count: value)
    loop.received(
      (0..<count).map { _ in .set(Self.path, .init(value: value)) }, isClosing: false, at: now)
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
      case .publishRevisions(_, let changes): steps.append("publish revisions \(changes.count)")
      case .answer: steps.append("answer")
      case .fold(let backlog):
        steps.append("fold \(backlog.changeCount) up to \(backlog.tree.index)")
      case .wait: return steps
      case .close: return steps + ["close"]
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

  @Test func theTablesAreBroughtUpToDateFiveSecondsAfterTheFirstChangeThatTheyLack() {
    var loop = WriterLoop(tree: KeyTree())
    _ = self.write(1, to: &loop, at: Self.start)
    _ = self.write(1, to: &loop, at: self.at(4.9))
    #expect(self.waits(&loop, at: self.at(4.9)) == .some(self.at(5)))
    #expect(self.write(0, to: &loop, at: self.at(5)) == ["answer", "fold 2 up to 2"])
    #expect(self.waits(&loop, at: self.at(5)) == .some(nil))
  }

  /// The batches go on meanwhile, and what they change is the next update's.
  @Test func oneUpdateIsUnderWayAtATime() {
    var loop = WriterLoop(tree: KeyTree())
    _ = self.write(1, to: &loop, at: Self.start)
    #expect(self.write(0, to: &loop, at: self.at(5)).last == "fold 1 up to 1")
    #expect(self.write(1, to: &loop, at: self.at(5)) == ["commit", "publish", "answer"])
    #expect(self.waits(&loop, at: self.at(20)) == .some(nil))
    loop.folded()
    #expect(self.settle(&loop, at: self.at(20)) == ["fold 1 up to 2"])
  }

  @Test func manyBytesAreNotWaitedFor() {
    var loop = WriterLoop(tree: KeyTree())
    let half = Backlog.byteLimit / 2
    _ = self.write(1, to: &loop, at: Self.start, value: half)
    #expect(self.waits(&loop, at: Self.start) == .some(self.at(5)))
    #expect(
      self.write(1, to: &loop, at: Self.start, value: half)
        == ["commit", "publish", "answer", "fold 2 up to 2"])
  }

  @Test func tablesThatCannotBeWrittenAreTriedAgainASecondLater() {
    var loop = WriterLoop(tree: KeyTree())
    _ = self.write(1, to: &loop, at: Self.start)
    #expect(self.settle(&loop, at: self.at(5)) == ["fold 1 up to 1"])
    _ = self.write(1, to: &loop, at: self.at(5))
    loop.foldFailed(at: self.at(5.5))
    #expect(self.waits(&loop, at: self.at(5.5)) == .some(self.at(6.5)))
    #expect(self.write(1, to: &loop, at: self.at(6.5)).last == "fold 3 up to 3")
  }

  @Test func aStoreThatIsToldToStopTakesWhatWaitsAndBringsTheTablesUpToDate() {
    var loop = WriterLoop(tree: KeyTree())
    loop.received([.set(Self.path, .init(value: []))], isClosing: true, at: Self.start)
    #expect(self.settle(&loop, at: Self.start) == ["commit", "publish", "answer"])
    #expect(self.waits(&loop, at: Self.start) == .some(self.at(5)))
    loop.received([], isClosing: true, at: Self.start)
    #expect(self.settle(&loop, at: Self.start) == ["fold 1 up to 1"])
    // Whatever comes of it.
    loop.foldFailed(at: Self.start)
    #expect(self.settle(&loop, at: Self.start) == ["close"])
  }

  @Test func aStoreThatStopsWaitsForAnUpdateThatIsUnderWay() {
    var loop = WriterLoop(tree: KeyTree())
    _ = self.write(1, to: &loop, at: Self.start)
    #expect(self.settle(&loop, at: self.at(5)) == ["fold 1 up to 1"])
    _ = self.write(1, to: &loop, at: self.at(5))
    loop.received([], isClosing: true, at: self.at(5))
    #expect(self.waits(&loop, at: self.at(30)) == .some(nil))
    loop.foldFailed(at: self.at(30))
    #expect(self.settle(&loop, at: self.at(30)) == ["fold 2 up to 2"])
    loop.folded()
    #expect(self.settle(&loop, at: self.at(30)) == ["close"])
  }
}
