import KubernetesClient
import Testing

@testable import FakeKubelet

@Suite struct PodNewsTests {
  /// The events of each step of a pod.
  private struct Story {
    var workers = PodWorkers()
    var seconds = 0.0

    mutating func handle(_ event: PodWorkers.Event) -> [String] {
      let before = self.workers
      _ = self.workers.handle(event, at: .at(self.seconds))
      return PodTransitionEvents.items(from: before, to: self.workers).map {
        "\($0.note.isWarning ? "Warning " : "")\($0.note.reason): \($0.note.message)"
      }
    }

    func id(_ pod: PodManifest) throws -> ContainerID {
      try #require(self.workers.id(of: "main", in: pod.name))
    }
  }

  @Test func aLifeIsTold() throws {
    var story = Story()
    let pod = try Fixtures.manifest(uid: "u")
    let full = "web-kube-master1_default(u)"
    #expect(story.handle(.changed(added: [pod])) == [])
    let started = ["Created: Created container: main", "Started: Started container main"]
    #expect(story.handle(.containerStarted(try story.id(pod))) == started)
    story.seconds = 1
    // The first restart comes at once.
    #expect(story.handle(.containerExited(try story.id(pod), code: 1)) == [])
    #expect(story.handle(.containerStarted(try story.id(pod))) == started)
    #expect(
      story.handle(.containerExited(try story.id(pod), code: 1)) == [
        "Warning BackOff: Back-off restarting failed container main in pod \(full)"
      ])
    story.seconds = 11
    #expect(story.handle(.woke) == [])
    #expect(story.handle(.containerStarted(try story.id(pod))) == started)
    let other = try Fixtures.manifest(uid: "u", image: "nginx:2")
    #expect(
      story.handle(.changed(updated: [other])) == [
        "Killing: Container main definition changed, will be restarted"
      ])
    _ = story.handle(.containerExited(try story.id(pod), code: 0))
    _ = story.handle(.containerStarted(try story.id(pod)))
    #expect(story.handle(.changed(removed: [pod.name])) == ["Killing: Stopping container main"])
    story.seconds = 60
    #expect(story.handle(.woke) == [])
  }

  @Test func itIsAboutTheContainer() throws {
    let pod = PodLifecycle(
      try Fixtures.manifest(uid: "u", spec: "  initContainers:\n  - {name: first, image: i}"),
      at: .at(0))
    #expect(
      PodTransitionEvents.subject(pod, container: "main")
        == EventSubject(
          kind: "Pod", namespace: "default", name: "web-kube-master1", uid: "u",
          fieldPath: "spec.containers{main}"))
    #expect(
      PodTransitionEvents.subject(pod, container: "first").fieldPath == "spec.initContainers{first}"
    )
    #expect(PodTransitionEvents.subject(pod, container: nil).fieldPath == nil)
  }
}

@Suite struct PodSourcesTests {
  private func pod(_ uid: String, _ source: PodManifest.Source) throws -> PodManifest {
    switch source {
    case .file: try Fixtures.manifest(uid: uid)
    case .api:
      try PodManifest(
        object: SyncBench.bound("web-kube-master1", uid: uid), node: Fixtures.node)
    }
  }

  private let name = PodName(namespace: "default", name: "web-kube-master1")

  /// Changes of both sources, and the resulting change for the node: removed names, added and updated uids.
  @Test func aStaticPodCountsAndDisturbsOnlyItsName() throws {
    var sources = PodSources()
    func change(
      _ source: PodManifest.Source, removes: Bool = false, adds uid: String? = nil,
      updates: String? = nil
    ) throws -> [String] {
      let change = sources.apply(
        .init(
          removed: removes ? [self.name] : [],
          added: try uid.map { [try self.pod($0, source)] } ?? [],
          updated: try updates.map { [try self.pod($0, source)] } ?? []), from: source)
      return change.removed.map { _ in "-" } + change.added.map { "+\($0.uid)" }
        + change.updated.map { "~\($0.uid)" }
    }
    #expect(try change(.api, adds: "a") == ["+a"])
    #expect(try change(.file, adds: "f") == ["-", "+f"])
    #expect(sources.isOverruled(self.name))
    #expect(try change(.api, updates: "a") == [])
    #expect(try change(.file, removes: true, adds: "g") == ["-", "+g"])
    #expect(try change(.api, removes: true, adds: "b") == [])
    #expect(try change(.file, removes: true) == ["-", "+b"])
    #expect(try change(.file, adds: "h") == ["-", "+h"])
    #expect(try change(.api, removes: true) == [])
    #expect(try change(.file, updates: "h") == ["~h"])
    #expect(try change(.file, removes: true) == ["-"])
    #expect(sources.manifests.isEmpty)
  }
}
