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
    self.old = try Fixtures.manifest(image: "nginx:1")
    self.new = try Fixtures.manifest(image: "nginx:2")
  }

  @discardableResult
  private mutating func handle(_ event: PodWorkers.Event, at seconds: Double) -> [PodWorkers.Effect]
  {
    self.workers.handle(event, at: .at(seconds))
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
      self.handle(.changed(added: [self.old]), at: 0)
        == [.startContainer(self.id(1), self.old)])
    self.handle(.containerStarted(self.id(1)), at: 0)
    #expect(
      self.handle(.changed(removed: [self.old.name], added: [self.new]), at: 1)
        == [.signal(.terminate, self.id(1)), .wake(at: .at(31))])
    let waiting = try self.podList()
    #expect(self.images(waiting) == ["nginx:2"])
    #expect(waiting["items"]?.elements.first?["status"]?["phase"] == "Pending")
    #expect(self.images(self.workers.runningPodList()) == ["nginx:1"])
    #expect(
      self.handle(.containerExited(self.id(1), code: 143), at: 2) == [
        .podEnded(self.old.name, uid: self.old.uid), .startContainer(self.id(2), self.new),
      ])
    let begun = try self.podList()
    #expect(begun["items"]?.elements.first?["status"]?["startTime"] == "1970-01-01T00:00:02Z")
    self.handle(.containerStarted(self.id(2)), at: 3)
    let running = try self.podList()
    #expect(running["items"]?.elements.first?["status"]?["phase"] == "Running")
  }

  @Test mutating func onlyTheLastOfSeveralChangesIsStarted() throws {
    let newest = try Fixtures.manifest(image: "nginx:3")
    self.handle(.changed(added: [self.old]), at: 0)
    self.handle(.changed(removed: [self.old.name], added: [self.new]), at: 1)
    #expect(self.handle(.changed(removed: [self.new.name], added: [newest]), at: 2) == [])
    #expect(
      self.handle(.containerExited(self.id(1), code: 143), at: 3).last
        == .startContainer(self.id(2), newest))
  }

  @Test mutating func aRemovedPodLeavesPodsAtOnceAndRunningPodsAtItsEnd() throws {
    self.handle(.changed(added: [self.old]), at: 0)
    self.handle(.containerStarted(self.id(1)), at: 0)
    self.handle(.changed(removed: [self.old.name]), at: 1)
    let list = try self.podList()
    #expect(list["items"] == .null)
    #expect(self.workers.runningPodList()["items"]?.elements.count == 1)
    #expect(
      self.handle(.containerExited(self.id(1), code: 143), at: 2)
        == [.podEnded(self.old.name, uid: self.old.uid)])
    #expect(
      "\(self.workers.runningPodList())"
        == #"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":null}"#)
  }

  private func manifest(uid: String, image: String = "nginx:1", deadline: Int) throws -> PodManifest
  {
    try Fixtures.manifest(uid: uid, image: image, spec: "  activeDeadlineSeconds: \(deadline)")
  }

  @Test mutating func anUpdateGoesToThePodThatRunsAndKeepsItsFirstSight() throws {
    let first = try self.manifest(uid: "term-1", deadline: 30)
    #expect(
      self.handle(.changed(added: [first]), at: 0)
        == [.startContainer(self.id(1), first), .wake(at: .at(30))])
    self.handle(.containerStarted(self.id(1)), at: 0)
    let later = try self.manifest(uid: "term-1", deadline: 90)
    #expect(self.handle(.changed(updated: [later]), at: 20) == [])
    let pod = try self.podList()["items"]?.elements.first
    #expect(pod?["spec"]?["activeDeadlineSeconds"] == 90)
    #expect(pod?["status"]?["phase"] == "Running")
    #expect(
      pod?["metadata"]?["annotations"]?["kubernetes.io/config.seen"]
        == "1970-01-01T00:00:00.000000000Z")
    #expect(self.handle(.woke, at: 30) == [.wake(at: .at(90))])
    #expect(
      self.handle(.woke, at: 90) == [
        .report(.deadlineExceeded, first.name), .signal(.terminate, self.id(1)),
        .wake(at: .at(120)),
      ])
  }

  @Test mutating func aPodPastItsDeadlineIsInPodsAsFailedUntilItsManifestGoes() throws {
    let first = try self.manifest(uid: "term-1", deadline: 30)
    self.handle(.changed(added: [first]), at: 0)
    self.handle(.containerStarted(self.id(1)), at: 0)
    self.handle(.woke, at: 30)
    #expect(self.images(self.workers.runningPodList()) == ["nginx:1"])
    #expect(self.handle(.containerExited(self.id(1), code: 143), at: 31) == [])
    #expect(self.workers.runningPodList()["items"] == .null)
    let list = try self.podList()
    let status = list["items"]?.elements.first?["status"]
    #expect(status?["phase"] == "Failed")
    // A pod with another uid has its own deadline.
    let second = try self.manifest(uid: "term-2", deadline: 30)
    #expect(
      self.handle(.changed(removed: [first.name], added: [second]), at: 40) == [
        .podEnded(first.name, uid: "term-1"), .startContainer(self.id(2), second),
        .wake(at: .at(70)),
      ])
  }

  @Test mutating func aPodThatWaitsHasNoStartTimeAndIsUpdatedWhereItWaits() throws {
    let first = try self.manifest(uid: "term-1", deadline: 900)
    let second = try self.manifest(uid: "term-2", deadline: 10)
    let prolonged = try self.manifest(uid: "term-2", deadline: 20)
    self.handle(.changed(added: [first]), at: 0)
    self.handle(.changed(removed: [first.name], added: [second]), at: 1)
    let list = try self.podList()
    #expect(list["items"]?.elements.map { $0["status"] } == [["phase": "Pending"]])
    #expect(self.handle(.changed(updated: [prolonged]), at: 2) == [])
    // Its deadline counts from its own start.
    #expect(
      self.handle(.containerExited(self.id(1), code: 143), at: 15) == [
        .podEnded(first.name, uid: "term-1"), .startContainer(self.id(2), prolonged),
        .wake(at: .at(35)),
      ])
  }

  @Test mutating func wordOfAnEarlierStartIsIgnored() {
    self.handle(.changed(added: [self.old]), at: 0)
    let before = self.workers
    #expect(self.handle(.containerExited(self.id(7), code: 1), at: 1) == [])
    #expect(self.workers == before)
  }

  /// Orphans of a former kubelet are stopped once their source has reported its pods. `c` has ended already, and only
  /// its pod's directory is to be removed.
  @Test func orphansAreThoseOfWhoWasHeard() throws {
    let origins: [(String, PodManifest.Source)] = [
      ("a", .file), ("b", .api), ("c", .file), ("d", .api),
    ]
    let survivors = origins.map {
      SurvivingContainer(
        uid: $0.0, container: "main", attempt: 0, isRunning: $0.0 != "c", source: $0.1)
    }
    let wanted = [try Fixtures.manifest(uid: "a")]
    var workers = PodWorkers(survivors: survivors)
    #expect(workers.removeOrphans(besides: wanted, from: .file).map(\.uid) == ["c"])
    #expect(workers.removeOrphans(besides: wanted, from: .api).map(\.uid) == ["b", "d"])
    workers = PodWorkers(survivors: survivors)
    #expect(workers.removeOrphans(besides: wanted).map(\.uid) == ["b", "c", "d"])
  }

  @Test mutating func aKubeletThatStopsEndsAllPodsAndStartsNone() throws {
    self.handle(.changed(added: [self.old]), at: 0)
    self.handle(.containerStarted(self.id(1)), at: 0)
    #expect(!self.workers.haveStopped)
    #expect(
      self.handle(.stopping, at: 1) == [.signal(.terminate, self.id(1)), .wake(at: .at(31))])
    #expect(!self.workers.haveStopped)
    #expect(self.handle(.changed(removed: [self.old.name], added: [self.new]), at: 2) == [])
    #expect(
      self.handle(.containerExited(self.id(1), code: 143), at: 3) == [
        .podEnded(self.old.name, uid: self.old.uid)
      ])
    #expect(self.workers.haveStopped)
    #expect(self.handle(.woke, at: 60) == [])
  }

  /// An elector removes its pod's manifest when the kubelet stops, and waits for the pod's end.
  @Test mutating func whoRemovesAManifestDuringAStopOutlivesItsPod() throws {
    let elector = try Fixtures.manifest(
      Fixtures.pod("elector", uid: "e"), path: "/m/elector.yaml")
    self.handle(.changed(added: [self.old]), at: 0)
    self.handle(.containerStarted(self.id(1)), at: 0)
    let started = self.handle(.changed(added: [elector]), at: 0).started
    let id = try #require(started)
    self.handle(.containerStarted(id), at: 0)
    self.handle(.stopping, at: 1)
    self.handle(.changed(removed: [self.old.name]), at: 2)
    #expect(self.handle(.woke, at: 31).contains(.signal(.kill, self.id(1))))
    #expect(!self.handle(.woke, at: 35.9).contains(.signal(.kill, id)))
    #expect(self.handle(.woke, at: 36).contains(.signal(.kill, id)))
  }
}
