import Testing

@testable import FakeKubelet

@Suite struct PodWorkersTests {
  private let old: PodManifest
  private let new: PodManifest
  private var workers = PodWorkers()
  private let clock = WallClock(secondsAtStart: 0, nanosecondsAtStart: 0)

  init() throws {
    self.old = try Fixtures.manifest(Fixtures.pod(image: "nginx:1"))
    self.new = try Fixtures.manifest(Fixtures.pod(image: "nginx:2"))
  }

  private func at(_ seconds: Int) -> Instant { Instant(sinceStart: .seconds(seconds)) }

  private func id(_ serial: UInt64) -> ContainerID {
    ContainerID(pod: self.old.name, container: "main", attempt: 0, serial: serial)
  }

  private func images(_ list: JSONValue) -> [String?] {
    (list["items"]?.elements ?? []).map {
      $0["spec"]?["containers"]?.elements.first?["image"]?.string
    }
  }

  @Test mutating func aChangedPodStartsWhenTheOldOneHasEnded() {
    #expect(
      self.workers.handle(.changed(removed: [], added: [self.old]), at: self.at(0))
        == [.startContainer(self.id(1), self.old)])
    _ = self.workers.handle(.containerStarted(self.id(1)), at: self.at(0))
    #expect(
      self.workers.handle(.changed(removed: [self.old.name], added: [self.new]), at: self.at(1))
        == [
          .signal(.terminate, self.id(1)), .wake(at: self.at(31)),
        ])
    let waiting = self.workers.podList(clock: self.clock, runtime: "pretend")
    #expect(self.images(waiting) == ["nginx:2"])
    #expect(waiting["items"]?.elements.first?["status"]?["phase"] == "Pending")
    #expect(self.images(self.workers.runningPodList()) == ["nginx:1"])
    #expect(
      self.workers.handle(.containerExited(self.id(1), code: 143), at: self.at(2)) == [
        .podEnded(self.old.name, uid: self.old.uid), .startContainer(self.id(2), self.new),
      ])
  }

  @Test mutating func onlyTheLastOfSeveralChangesIsStarted() throws {
    let newest = try Fixtures.manifest(Fixtures.pod(image: "nginx:3"))
    _ = self.workers.handle(.changed(removed: [], added: [self.old]), at: self.at(0))
    _ = self.workers.handle(
      .changed(removed: [self.old.name], added: [self.new]), at: self.at(1))
    #expect(
      self.workers.handle(
        .changed(removed: [self.new.name], added: [newest]), at: self.at(2)) == [])
    #expect(
      self.workers.handle(.containerExited(self.id(1), code: 143), at: self.at(3)).last
        == .startContainer(self.id(2), newest))
  }

  @Test mutating func aRemovedPodLeavesPodsAtOnceAndRunningPodsAtItsEnd() {
    _ = self.workers.handle(.changed(removed: [], added: [self.old]), at: self.at(0))
    _ = self.workers.handle(.containerStarted(self.id(1)), at: self.at(0))
    _ = self.workers.handle(.changed(removed: [self.old.name], added: []), at: self.at(1))
    #expect(self.workers.podList(clock: self.clock, runtime: "pretend")["items"] == .null)
    #expect(self.workers.runningPodList()["items"]?.elements.count == 1)
    #expect(
      self.workers.handle(.containerExited(self.id(1), code: 143), at: self.at(2))
        == [.podEnded(self.old.name, uid: self.old.uid)])
    #expect(
      "\(self.workers.runningPodList())"
        == #"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":null}"#)
  }

  @Test mutating func wordOfAnEarlierStartIsIgnored() {
    _ = self.workers.handle(.changed(removed: [], added: [self.old]), at: self.at(0))
    let before = self.workers
    #expect(self.workers.handle(.containerExited(self.id(7), code: 1), at: self.at(1)) == [])
    #expect(self.workers == before)
  }
}
