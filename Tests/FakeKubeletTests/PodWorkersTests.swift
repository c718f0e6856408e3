import FoundationEssentials
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

@Suite struct PodWorkersTests {
  private let old: PodManifest
  private let new: PodManifest
  private var workers = PodWorkers()
  private var kept = PodListText()
  private let clock = WallClock(secondsAtStart: 0, nanosecondsAtStart: 0)

  init() throws {
    self.old = try Fixtures.manifest(Fixtures.pod(image: "nginx:1"))
    self.new = try Fixtures.manifest(Fixtures.pod(image: "nginx:2"))
  }

  private func at(_ seconds: Int) -> KubeletInstant {
    KubeletInstant(sinceStart: .seconds(seconds))
  }

  private func id(_ serial: UInt64) -> ContainerID {
    ContainerID(pod: self.old.name, container: "main", attempt: 0, serial: serial)
  }

  /// The answer of `/pods`; the cache must make no difference.
  private mutating func podList() throws -> JSONValue {
    var anew = PodListText()
    let text = anew.text(of: self.workers, clock: self.clock, runtime: "pretend")
    let kept = self.kept.text(of: self.workers, clock: self.clock, runtime: "pretend")
    #expect(String(decoding: kept, as: UTF8.self) == String(decoding: text, as: UTF8.self))
    return try JSONDecoder().decode(JSONValue.self, from: Data(text))
  }

  private func images(_ list: JSONValue) -> [String?] {
    (list["items"]?.elements ?? []).map {
      $0["spec"]?["containers"]?.elements.first?["image"]?.string
    }
  }

  @Test mutating func aChangedPodStartsWhenTheOldOneHasEnded() throws {
    #expect(
      self.workers.handle(.changed(removed: [], added: [self.old]), at: self.at(0))
        == [.startContainer(self.id(1), self.old)])
    _ = self.workers.handle(.containerStarted(self.id(1)), at: self.at(0))
    #expect(
      self.workers.handle(.changed(removed: [self.old.name], added: [self.new]), at: self.at(1))
        == [
          .signal(.terminate, self.id(1)), .wake(at: self.at(31)),
        ])
    let waiting = try self.podList()
    #expect(self.images(waiting) == ["nginx:2"])
    #expect(waiting["items"]?.elements.first?["status"]?["phase"] == "Pending")
    #expect(self.images(self.workers.runningPodList()) == ["nginx:1"])
    #expect(
      self.workers.handle(.containerExited(self.id(1), code: 143), at: self.at(2)) == [
        .podEnded(self.old.name, uid: self.old.uid), .startContainer(self.id(2), self.new),
      ])
    let begun = try self.podList()
    #expect(begun["items"]?.elements.first?["status"]?["startTime"] == "1970-01-01T00:00:02Z")
    _ = self.workers.handle(.containerStarted(self.id(2)), at: self.at(3))
    let running = try self.podList()
    #expect(running["items"]?.elements.first?["status"]?["phase"] == "Running")
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

  @Test mutating func aRemovedPodLeavesPodsAtOnceAndRunningPodsAtItsEnd() throws {
    _ = self.workers.handle(.changed(removed: [], added: [self.old]), at: self.at(0))
    _ = self.workers.handle(.containerStarted(self.id(1)), at: self.at(0))
    _ = self.workers.handle(.changed(removed: [self.old.name], added: []), at: self.at(1))
    let list = try self.podList()
    #expect(list["items"] == .null)
    #expect(self.workers.runningPodList()["items"]?.elements.count == 1)
    #expect(
      self.workers.handle(.containerExited(self.id(1), code: 143), at: self.at(2))
        == [.podEnded(self.old.name, uid: self.old.uid)])
    #expect(
      "\(self.workers.runningPodList())"
        == #"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":null}"#)
  }

  private func manifest(uid: String, image: String = "nginx:1", deadline: Int) throws -> PodManifest
  {
    try Fixtures.manifest(
      Fixtures.pod(uid: uid, image: image, spec: "  activeDeadlineSeconds: \(deadline)"))
  }

  @Test mutating func anUpdateGoesToThePodThatRunsAndKeepsItsFirstSight() throws {
    let first = try self.manifest(uid: "term-1", deadline: 30)
    #expect(
      self.workers.handle(.changed(removed: [], added: [first]), at: self.at(0))
        == [.startContainer(self.id(1), first), .wake(at: self.at(30))])
    _ = self.workers.handle(.containerStarted(self.id(1)), at: self.at(0))
    let later = try self.manifest(uid: "term-1", deadline: 90)
    #expect(
      self.workers.handle(.changed(removed: [], added: [], updated: [later]), at: self.at(20)) == []
    )
    let pod = try self.podList()["items"]?.elements.first
    #expect(pod?["spec"]?["activeDeadlineSeconds"] == 90)
    #expect(pod?["status"]?["phase"] == "Running")
    #expect(
      pod?["metadata"]?["annotations"]?["kubernetes.io/config.seen"]
        == "1970-01-01T00:00:00.000000000Z")
    #expect(self.workers.handle(.woke, at: self.at(30)) == [.wake(at: self.at(90))])
    #expect(
      self.workers.handle(.woke, at: self.at(90)) == [
        .report(.deadlineExceeded, first.name), .signal(.terminate, self.id(1)),
        .wake(at: self.at(120)),
      ])
  }

  @Test mutating func aPodPastItsDeadlineIsInPodsAsFailedUntilItsManifestGoes() throws {
    let first = try self.manifest(uid: "term-1", deadline: 30)
    _ = self.workers.handle(.changed(removed: [], added: [first]), at: self.at(0))
    _ = self.workers.handle(.containerStarted(self.id(1)), at: self.at(0))
    _ = self.workers.handle(.woke, at: self.at(30))
    #expect(self.images(self.workers.runningPodList()) == ["nginx:1"])
    #expect(self.workers.handle(.containerExited(self.id(1), code: 143), at: self.at(31)) == [])
    #expect(self.workers.runningPodList()["items"] == .null)
    let list = try self.podList()
    let status = list["items"]?.elements.first?["status"]
    #expect(status?["phase"] == "Failed")
    // A pod with another uid has its own deadline.
    let second = try self.manifest(uid: "term-2", deadline: 30)
    #expect(
      self.workers.handle(.changed(removed: [first.name], added: [second]), at: self.at(40)) == [
        .podEnded(first.name, uid: "term-1"), .startContainer(self.id(2), second),
        .wake(at: self.at(70)),
      ])
  }

  @Test mutating func aPodThatWaitsHasNoStartTimeAndIsUpdatedWhereItWaits() throws {
    let first = try self.manifest(uid: "term-1", deadline: 900)
    let second = try self.manifest(uid: "term-2", deadline: 10)
    let prolonged = try self.manifest(uid: "term-2", deadline: 20)
    _ = self.workers.handle(.changed(removed: [], added: [first]), at: self.at(0))
    _ = self.workers.handle(.changed(removed: [first.name], added: [second]), at: self.at(1))
    let list = try self.podList()
    #expect(list["items"]?.elements.map { $0["status"] } == [["phase": "Pending"]])
    #expect(
      self.workers.handle(.changed(removed: [], added: [], updated: [prolonged]), at: self.at(2))
        == [])
    // Its deadline counts from its own start.
    #expect(
      self.workers.handle(.containerExited(self.id(1), code: 143), at: self.at(15)) == [
        .podEnded(first.name, uid: "term-1"), .startContainer(self.id(2), prolonged),
        .wake(at: self.at(35)),
      ])
  }

  @Test mutating func wordOfAnEarlierStartIsIgnored() {
    _ = self.workers.handle(.changed(removed: [], added: [self.old]), at: self.at(0))
    let before = self.workers
    #expect(self.workers.handle(.containerExited(self.id(7), code: 1), at: self.at(1)) == [])
    #expect(self.workers == before)
  }

  /// Orphans of a former kubelet are stopped once their source has reported its pods.
  @Test func orphansAreThoseOfWhoWasHeard() throws {
    let origins: [(String, PodManifest.Source)] = [
      ("a", .file), ("b", .api), ("c", .file), ("d", .api),
    ]
    let survivors = origins.map {
      SurvivingContainer(uid: $0.0, container: "main", attempt: 0, isRunning: true, source: $0.1)
    }
    let wanted = [try Fixtures.manifest(Fixtures.pod(uid: "a"))]
    var workers = PodWorkers(survivors: survivors)
    #expect(workers.removeOrphans(besides: wanted, from: .file).map(\.uid) == ["c"])
    #expect(workers.removeOrphans(besides: wanted, from: .api).map(\.uid) == ["b", "d"])
    workers = PodWorkers(survivors: survivors)
    #expect(workers.removeOrphans(besides: wanted).map(\.uid) == ["b", "c", "d"])
  }
}
