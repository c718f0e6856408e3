import KubernetesClient
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// A kubelet's state and an API server's, as values.
struct SyncBench {
  var workers = PodWorkers()
  var sources = PodSources()
  var server = ServerPods(nodeName: "kube-master1")
  var sync = PodSync(node: Fixtures.node)
  var owner = NodeOwner.unregistered
  var seconds: Double = 0
  private var version = 10

  static let clock = WallClock(secondsAtStart: 1_700_000_000, nanosecondsAtStart: 0)

  init(files: [PodManifest] = []) {
    self.server.apply(.listed([]))
    self.files(files)
  }

  /// Pods of the server, which run here.
  static func running(_ objects: JSONValue...) -> Self {
    var bench = Self()
    for object in objects { bench.server.put(object) }
    _ = bench.settle()
    return bench
  }

  var now: KubeletInstant { .at(self.seconds) }

  var view: KubeletPods {
    KubeletPods(
      workers: self.workers, sources: self.sources, clock: Self.clock, runtime: "pretend",
      address: "10.0.0.1")
  }

  mutating func handle(_ event: PodWorkers.Event) {
    for effect in self.workers.handle(event, at: self.now) {
      if case .startContainer(let id, _) = effect {
        _ = self.workers.handle(.containerStarted(id), at: self.now)
      }
      if case .signal(.terminate, let id) = effect {
        self.handle(.containerExited(id, code: 143))
      }
    }
  }

  private mutating func change(_ change: PodSources.Change, _ source: PodManifest.Source) {
    let change = self.sources.apply(change, from: source)
    self.handle(
      .changed(removed: change.removed, added: change.added, updated: change.updated))
  }

  mutating func files(_ added: [PodManifest], removed: [PodName] = []) {
    self.change(.init(removed: removed, added: added), .file)
  }

  /// A client deletes a pod at the server.
  mutating func delete(_ name: String, grace: Int64) {
    guard var object = self.server.pods[PodName(namespace: "default", name: name)]?.object else {
      return
    }
    self.version += 1
    object["metadata"]?["resourceVersion"] = .string("\(self.version)")
    object["metadata"]?["deletionTimestamp"] = "2026-01-02T03:04:35Z"
    object["metadata"]?["deletionGracePeriodSeconds"] = .integer(grace)
    self.server.put(object)
  }

  /// Computes the next step and applies the kubelet's part of it.
  mutating func next() -> PodSync.Step {
    let step = self.sync.next(self.view, self.server, owner: self.owner, at: self.now)
    if !step.api.isEmpty {
      self.change(step.api.change, .api)
      for deletion in step.api.deleted {
        self.handle(
          .deleted(deletion.name, uid: deletion.uid, gracePeriod: deletion.gracePeriod))
      }
    }
    return step
  }

  /// Applies a request as a server does.
  mutating func perform(_ request: PodRequest) {
    self.version += 1
    let version = JSONValue.string("\(self.version)")
    var answer: JSONValue = [:]
    switch request {
    case .create(_, var object):
      object["metadata"]?["uid"] = .string("server-\(self.version)")
      object["metadata"]?["resourceVersion"] = version
      self.server.put(object)
      answer = object
    case .delete(let name, let uid): self.server.remove(name, uid: uid)
    case .postStatus(let name, _, let status, _):
      guard var pod = self.server.pods[name] else { return }
      pod.set(status: status)
      answer = pod.object
      answer["metadata"]?["resourceVersion"] = version
      self.server.put(answer)
    }
    _ = self.sync.ended(request, .success(answer), at: self.now)
  }

  /// Repeats until nothing is left to do; returns all requests.
  mutating func settle() -> [String] {
    var done: [String] = []
    for _ in 0..<20 {
      let step = self.next()
      for request in step.requests {
        done.append(Self.name(request))
        self.perform(request)
      }
      if step.requests.isEmpty, step.api.isEmpty { return done }
    }
    return done + ["…"]
  }

  static func name(_ request: PodRequest) -> String {
    switch request {
    case .create(let name, _): "create \(name.name)"
    case .delete(let name, _): "delete \(name.name)"
    case .postStatus(let name, _, let status, _):
      "status \(name.name) \(status["phase"]?.string ?? "")"
    }
  }

  /// A pod of the server that is bound to this node.
  static func bound(
    _ name: String = "web", uid: String = "u1", image: String = "nginx:1", version: String = "1",
    deletion: Int64? = nil, phase: String = "Pending", mirror: String? = nil,
    spec: JSONValue = [:]
  ) -> JSONValue {
    var metadata: JSONValue = [
      "name": .string(name), "namespace": "default", "uid": .string(uid),
      "resourceVersion": .string(version), "creationTimestamp": "2026-01-02T03:04:05Z",
    ]
    if let deletion {
      metadata["deletionTimestamp"] = "2026-01-02T03:04:35Z"
      metadata["deletionGracePeriodSeconds"] = .integer(deletion)
    }
    if let mirror { metadata["annotations"] = ["kubernetes.io/config.mirror": .string(mirror)] }
    var full: JSONValue = [
      "nodeName": "kube-master1",
      "containers": [["name": "main", "image": .string(image)]],
    ]
    for (field, value) in spec.members { full[field] = value }
    return [
      "kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": full,
      "status": ["phase": .string(phase), "qosClass": "BestEffort"],
    ]
  }
}

@Suite struct MirrorPodTests {
  private static let mirrored = ["create web-kube-master1", "status web-kube-master1 Running"]

  @Test func aStaticPodHasAMirrorWithItsStatus() throws {
    let manifest = try Fixtures.manifest()
    var bench = SyncBench(files: [manifest])
    #expect(bench.settle() == Self.mirrored)
    let pod = try #require(bench.server.pods[manifest.name]?.object)
    let annotations = pod["metadata"]?["annotations"]
    #expect(annotations?["kubernetes.io/config.mirror"] == .string(manifest.uid))
    #expect(annotations?["kubernetes.io/config.hash"] == .string(manifest.uid))
    #expect(annotations?["kubernetes.io/config.source"] == "file")
    #expect(annotations?["kubernetes.io/config.seen"] == "2023-11-14T22:13:20.000000000Z")
    #expect(pod["metadata"]?["ownerReferences"] == nil)
    #expect(pod["spec"]?["nodeName"] == "kube-master1")
    #expect(pod["status"]?["podIP"] == "10.0.0.1" && pod["status"]?["hostIP"] == "10.0.0.1")
    #expect(pod["status"]?["containerStatuses"]?.elements.count == 1)
  }

  @Test func withANodeItIsTheOwner() throws {
    var bench = SyncBench()
    bench.owner = .pending
    bench.files([try Fixtures.manifest()])
    #expect(bench.settle() == [])
    bench.owner = .node(uid: "n")
    #expect(bench.settle().first == "create web-kube-master1")
    #expect(
      bench.server.pods.values.first?.object["metadata"]?["ownerReferences"] == [
        [
          "apiVersion": "v1", "kind": "Node", "name": "kube-master1", "uid": "n",
          "controller": true,
        ]
      ])
  }

  /// Pods that may have the name of a running pod's mirror, and the requests that follow.
  @Test(
    arguments: [
      (nil, mirrored),
      ("same", ["status web-kube-master1 Running"]),
      ("other", ["delete web-kube-master1"] + mirrored),
      ("ending", ["delete web-kube-master1"] + mirrored),
      ("foreign", []),
    ] as [(String?, [String])])
  func whatIsInItsPlace(_ found: String?, _ done: [String]) throws {
    var bench = SyncBench()
    let manifest = try Fixtures.manifest()
    let name = manifest.name.name
    switch found {
    case "same": bench.server.put(SyncBench.bound(name, mirror: manifest.uid))
    case "other": bench.server.put(SyncBench.bound(name, mirror: "0123"))
    case "ending": bench.server.put(SyncBench.bound(name, deletion: 30, mirror: manifest.uid))
    case "foreign": bench.server.put(SyncBench.bound(name))
    default: break
    }
    bench.files([manifest])
    let started = bench.workers.counts.startedContainers
    let first = bench.next()
    #expect(first.occupied == (found == "foreign" ? [manifest.name] : []))
    #expect(bench.settle() == done)
    // It is reported once, and the containers keep running.
    #expect(bench.next().occupied.isEmpty)
    #expect(bench.workers.counts.startedContainers == started)
    #expect(bench.workers.running[manifest.name]?.manifest.uid == manifest.uid)
  }

  @Test func aMirrorThatSomebodyDeletesIsMadeAnew() throws {
    let manifest = try Fixtures.manifest()
    var bench = SyncBench(files: [manifest])
    _ = bench.settle()
    let uid = try #require(bench.server.pods[manifest.name]?.uid)
    bench.seconds = 5
    bench.server.remove(manifest.name, uid: uid)
    #expect(bench.settle() == Self.mirrored)
    #expect(bench.server.pods[manifest.name]?.uid != uid)
    #expect(bench.workers.counts.startedContainers == 1)
  }

  @Test func aMirrorStaysUntilItsContainersHaveEnded() throws {
    let manifest = try Fixtures.manifest()
    var bench = SyncBench(files: [manifest])
    _ = bench.settle()
    let effects = bench.workers.handle(.changed(removed: [manifest.name]), at: bench.now)
    _ = bench.sources.apply(.init(removed: [manifest.name]), from: .file)
    #expect(bench.settle() == [])
    for case .signal(.terminate, let id) in effects {
      _ = bench.workers.handle(.containerExited(id, code: 0), at: bench.now)
    }
    #expect(bench.settle() == ["delete web-kube-master1"])
  }

  @Test func nothingIsDeletedBeforeTheDirectoryWasLookedAt() {
    var bench = SyncBench()
    bench.sources = PodSources()
    bench.server.put(SyncBench.bound("old-kube-master1", mirror: "0123"))
    #expect(bench.settle() == [])
    _ = bench.sources.apply(.init(), from: .file)
    #expect(bench.settle() == ["delete old-kube-master1"])
  }

  @Test func nothingIsAskedBeforeTheServerWasHeard() throws {
    var bench = SyncBench()
    bench.server = ServerPods(nodeName: "kube-master1")
    bench.files([try Fixtures.manifest()])
    #expect(bench.next() == PodSync.Step())
  }

  @Test func aFailureIsToldOnceAndTriedAgainWithPauses() throws {
    var bench = SyncBench(files: [try Fixtures.manifest()])
    let error = APIServerError.refused(
      request: "POST", status: 404, reason: "NotFound", message: "namespaces not found")
    var isNews: [Bool] = []
    var tries: [Double] = []
    for second in 0...40 {
      bench.seconds = Double(second)
      for request in bench.next().requests {
        tries.append(bench.seconds)
        isNews.append(bench.sync.ended(request, .failure(error), at: bench.now))
      }
    }
    #expect(tries == [0, 1, 3, 7, 15, 25, 35])
    #expect(isNews == [true, false, false, false, false, false, false])
  }
}

@Suite struct APIPodTests {
  @Test func aBoundPodRunsAndItsStatusIsPosted() throws {
    var bench = SyncBench()
    bench.server.put(SyncBench.bound())
    #expect(bench.settle() == ["status web Running"])
    let name = PodName(namespace: "default", name: "web")
    #expect(bench.workers.running[name]?.manifest.source == .api)
    #expect(bench.workers.running[name]?.manifest.uid == "u1")
    // Fields of other programs stay.
    #expect(bench.server.pods[name]?.object["status"]?["qosClass"] == "BestEffort")
    let shown = bench.view.workers.podListItem(
      name, clock: SyncBench.clock, runtime: "pretend", address: "a")
    let annotations = shown?["metadata"]?["annotations"]
    #expect(annotations?["kubernetes.io/config.source"] == "api")
    #expect(annotations?["kubernetes.io/config.seen"] != nil)
    #expect(annotations?["kubernetes.io/config.hash"] == nil)
    #expect(shown?["metadata"]?["creationTimestamp"] == "2026-01-02T03:04:05Z")
    #expect(shown?["spec"]?["tolerations"] == nil)
  }

  /// States of a pod that has not started here, and whether it starts.
  @Test(
    arguments: [
      (SyncBench.bound(), true), (SyncBench.bound(phase: "Running"), true),
      (SyncBench.bound(phase: "Succeeded"), false), (SyncBench.bound(phase: "Failed"), false),
      (SyncBench.bound(deletion: 30), false), (SyncBench.bound(mirror: "0123"), false),
      (SyncBench.bound(spec: ["nodeName": "another"]), false),
      (SyncBench.bound(spec: ["restartPolicy": "Sometimes"]), false),
    ] as [(JSONValue, Bool)])
  func whatIsBegun(_ object: JSONValue, _ isBegun: Bool) {
    var bench = SyncBench()
    bench.server.put(object)
    _ = bench.settle()
    #expect(bench.workers.running.isEmpty != isBegun)
  }

  @Test func whatCannotBeRunIsToldOnce() {
    var bench = SyncBench()
    bench.server.put(SyncBench.bound(spec: ["restartPolicy": "Sometimes"]))
    #expect(bench.next().api.refused.map(\.name.name) == ["web"])
    #expect(bench.next().api.refused.isEmpty)
    // It can be deleted.
    bench.server.put(
      SyncBench.bound(version: "2", deletion: 30, spec: ["restartPolicy": "Sometimes"]))
    #expect(bench.settle() == ["delete web"])
  }

  @Test func whatIsDeletedEndsIsSeenToAndGoes() {
    var bench = SyncBench.running(SyncBench.bound())
    bench.delete("web", grace: 5)
    #expect(bench.settle() == ["status web Failed", "delete web"])
    #expect(bench.workers.running.isEmpty)
  }

  @Test func aPodThatIsSlowToEndIsWaitedFor() throws {
    var bench = SyncBench.running(SyncBench.bound())
    bench.delete("web", grace: 5)
    let step = bench.sync.next(bench.view, bench.server, owner: .unregistered, at: bench.now)
    let deletion = try #require(step.api.deleted.first)
    #expect(deletion.gracePeriod == .seconds(5))
    let effects = bench.workers.handle(
      .deleted(deletion.name, uid: deletion.uid, gracePeriod: deletion.gracePeriod), at: bench.now)
    #expect(effects.contains(.wake(at: .at(5))))
    #expect(bench.settle() == [])
    bench.seconds = 5
    for case .signal(.kill, let id) in bench.workers.handle(.woke, at: bench.now) {
      _ = bench.workers.handle(.containerExited(id, code: 137), at: bench.now)
    }
    #expect(bench.settle() == ["status web Failed", "delete web"])
  }

  @Test func aNewGraceCanOnlyShorten() {
    var bench = SyncBench.running(SyncBench.bound())
    let name = PodName(namespace: "default", name: "web")
    _ = bench.workers.handle(.deleted(name, uid: "u1", gracePeriod: .seconds(30)), at: bench.now)
    for (seconds, killAt) in [(60, 30), (10, 10), (20, 10), (0, 2)] as [(Int, Double)] {
      _ = bench.workers.handle(
        .deleted(name, uid: "u1", gracePeriod: .seconds(seconds)), at: bench.now)
      #expect(bench.workers.running[name]?.killAt == .at(killAt))
    }
  }

  @Test func anotherPodOfThatNameComesAfterTheFormer() {
    var bench = SyncBench.running(SyncBench.bound())
    bench.server.put(SyncBench.bound(uid: "u2"))
    #expect(bench.settle() == ["status web Running"])
    let name = PodName(namespace: "default", name: "web")
    #expect(bench.workers.running[name]?.manifest.uid == "u2")
    #expect(bench.workers.counts.startedContainers == 2)
  }

  @Test func anotherImageIsAnUpdate() {
    var bench = SyncBench.running(SyncBench.bound())
    bench.server.put(SyncBench.bound(image: "nginx:2", version: "100"))
    let step = bench.next()
    #expect(step.api.change.updated.map(\.name.name) == ["web"])
    #expect(step.api.change.removed.isEmpty && step.api.change.added.isEmpty)
  }

  @Test func whatVanishesIsStopped() {
    var bench = SyncBench.running(SyncBench.bound())
    bench.server.apply(.listed([]))
    _ = bench.settle()
    #expect(bench.workers.running.isEmpty)
  }

  @Test func aStaticPodOfThatNameCounts() throws {
    var bench = SyncBench()
    let manifest = try Fixtures.manifest()
    let name = manifest.name
    bench.server.put(SyncBench.bound(name.name))
    _ = bench.settle()
    #expect(bench.workers.running[name]?.manifest.source == .api)
    bench.files([manifest])
    #expect(bench.workers.running[name]?.manifest.source == .file)
    #expect(bench.next().occupied == [name])
    #expect(bench.settle() == [])
    // Its deletion still works.
    bench.files([], removed: [name])
    #expect(bench.workers.running[name]?.manifest.source == .api)
    bench.files([manifest])
    bench.delete(name.name, grace: 30)
    #expect(bench.settle().first == "delete \(name.name)")
    #expect(bench.workers.running[name]?.manifest.source == .file)
  }
}
