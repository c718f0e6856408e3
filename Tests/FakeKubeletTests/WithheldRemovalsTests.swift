import Foundation
import HTTPEndpoint
import KubernetesClient
import TestSupport
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

@Suite struct WithheldRemovalsTests {
  /// Removals, additions and updates by uid, and what is passed on; `p` runs.
  @Test func aRemovalWaitsAndAReturnUndoesIt() throws {
    var withheld = WithheldRemovals()
    let name = try Fixtures.manifest(uid: "p").name
    func text(_ change: PodSources.Change) -> [String] {
      change.removed.map { _ in "-" } + change.added.map { "+\($0.uid)" }
        + change.updated.map { "~\($0.uid)" }
    }
    func pass(
      removes: Bool = false, adds uid: String? = nil, updates: String? = nil, waits: Bool = true
    ) throws -> [String] {
      let change = PodSources.Change(
        removed: removes ? [name] : [],
        added: try uid.map { [try Fixtures.manifest(uid: $0)] } ?? [],
        updated: try updates.map { [try Fixtures.manifest(uid: $0)] } ?? [])
      return text(withheld.pass(change, isWithheld: { _ in waits }, uid: { _ in "p" }))
    }
    #expect(try pass(adds: "p") == ["+p"])
    #expect(try pass(removes: true, waits: false) == ["-"])
    // Its manifest is back before the removal was carried out.
    #expect(try pass(removes: true) == [])
    #expect(try pass(adds: "p") == ["~p"])
    #expect(text(withheld.release()) == [])
    // Another pod of the name waits behind the removal.
    #expect(try pass(removes: true, adds: "q") == [])
    #expect(try pass(updates: "r") == [])
    #expect(text(withheld.release(PodName(namespace: "a", name: "b"))) == [])
    #expect(text(withheld.release(name)) == ["-", "+r"])
    // And none, if it was removed as well.
    #expect(try pass(removes: true, adds: "q") == [])
    #expect(try pass(removes: true) == [])
    #expect(text(withheld.release()) == ["-"])
  }
}

/// A real kubelet's ways that cost a pod its end.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct LateRemovalTests {
  private static func names(_ pods: [JSONValue]) -> [String] { pods.map(\.metadata.name).sorted() }

  @Test func aYoungPodIsStoppedLater() async throws {
    let delay = Duration.seconds(1)
    try await FakeKubeletTests().withNode({ $0.youngPodDelay = delay }) { node in
      try await node.run(Fixtures.pod())
      try node.remove("web.yaml")
      let removal = ContinuousClock.now
      try await eventually("it has ended") { try await node.runningPods().isEmpty }
      #expect(ContinuousClock.now - removal >= delay)
    }
  }

  @Test func aKubeletWithoutItsServerEndsNoPodUntilTheServerIsThere() async throws {
    try await TestAPIServer.with { server in
      server.set(isAway: true)
      try await FakeKubeletTests().withNode({ configuration in
        var settings = FakeKubeletAPIServers(servers: [APIServer(url: server.url)])
        settings.registersNode = false
        settings.keepsOrphans = true
        configuration.apiServers = settings
      }) { node in
        try await node.run(Fixtures.pod())
        try node.remove("web.yaml")
        try node.install("more.yaml", Fixtures.pod("more", image: "nginx:7"))
        _ = try await node.untilRunning(image: "nginx:7")
        #expect(
          Self.names(try await node.runningPods()) == ["more-kube-master1", "web-kube-master1"])
        server.set(isAway: false)
        try await eventually("it ends") {
          Self.names(try await node.runningPods()) == ["more-kube-master1"]
        }
      }
    }
  }

  /// A real kubelet lists them as well: its list is the runtime's.
  @Test func orphansThatAreKeptAreListed() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      var place = place
      place.settings.leavesPodsRunning = true
      try place.write("web.yaml", ProcessRuntimeTests.pod("sleep 1000 & wait"))
      try await ProcessRuntimeTests.withKubelet(place) { kubelet in
        try await eventually("it runs") { kubelet.pods.first?.running == ["main"] }
      }
      try FileManager.default.removeItem(at: place.manifests.appending(path: "web.yaml"))
      var configuration = FakeKubeletConfiguration(
        manifestDirectory: place.manifests.path, nodeName: "n1")
      (configuration.port, configuration.readOnlyPort) = (0, 0)
      var settings = FakeKubeletAPIServers(servers: [APIServer(url: "http://127.0.0.1:1")])
      (settings.registersNode, settings.keepsOrphans) = (false, true)
      configuration.apiServers = settings
      let log = LogCapture()
      try await FakeKubelet.withRunning(
        configuration, runtime: try ProcessRuntime(place.settings), logger: log.logger
      ) { addresses in
        let node = FakeKubeletTests.Node(
          directory: place.manifests, addresses: addresses, log: log)
        try await eventually("it is listed") {
          Self.names(try await node.runningPods()) == ["web-n1"]
        }
        try node.install("more.yaml", ProcessRuntimeTests.pod("sleep 1000 & wait", name: "more"))
        try await eventually("both are") {
          Self.names(try await node.runningPods()) == ["more-n1", "web-n1"]
        }
      }
      try FileManager.default.removeItem(at: place.manifests.appending(path: "more.yaml"))
      // One that has all its sources ends them.
      try await ProcessRuntimeTests.withKubelet(place) { _ in
        try await eventually("nothing is left") { place.leftovers == [] }
      }
    }
  }
}
