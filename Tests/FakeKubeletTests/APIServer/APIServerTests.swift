import EtcdClient
import HTTPEndpoint
import KubernetesClient
import TestSupport
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// A kubelet and an API server over real sockets.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct APIServerTests {
  struct Bench {
    let server: TestAPIServer
    let node: FakeKubeletTests.Node

    var user: APIUser { self.server.user }

    static let pods = "/api/v1/namespaces/default/pods"

    func pod(_ name: String) async throws -> JSONValue? {
      try await self.user.get("\(Self.pods)/\(name)")
    }

    func untilPod(
      _ name: String, _ what: String, _ isSo: @escaping (JSONValue) -> Bool
    ) async throws -> JSONValue {
      var found: JSONValue?
      try await eventually("\(name): \(what)") {
        found = try await self.pod(name)
        return found.map(isSo) ?? false
      }
      return try #require(found)
    }

    func untilGone(_ name: String) async throws {
      try await eventually("\(name) is gone") { try await self.pod(name) == nil }
    }

    func untilEvent(_ reason: String, _ pod: String) async throws -> JSONValue {
      var found: JSONValue?
      try await eventually("event \(reason) of \(pod)") {
        found = try await self.user.list("/api/v1/namespaces/default/events").first {
          $0["reason"]?.string == reason && $0["involvedObject"]?["name"]?.string == pod
        }
        return found != nil
      }
      return try #require(found)
    }
  }

  static func isRunning(_ pod: JSONValue) -> Bool { pod["status"]?["phase"] == "Running" }

  func with(
    servers: [String] = [], registersNode: Bool = false,
    nodeGracePeriod: Duration = .seconds(40),
    _ body: @escaping @Sendable (Bench) async throws -> Void
  ) async throws {
    try await TestAPIServer.with(nodeGracePeriod: nodeGracePeriod) { server in
      try await FakeKubeletTests().withNode({ configuration in
        var settings = FakeKubeletAPIServers(
          servers: (servers + [server.url]).map { APIServer(url: $0) })
        settings.registersNode = registersNode
        settings.nodeStatusUpdateFrequency = .milliseconds(100)
        settings.nodeLabels = ["zone": "a"]
        configuration.apiServers = settings
      }) { node in
        try await body(Bench(server: server, node: node))
      }
    }
  }

  static func bound(_ name: String, annotations: JSONValue = [:], grace: Int64 = 30) -> JSONValue {
    [
      "kind": "Pod", "apiVersion": "v1",
      "metadata": ["name": .string(name), "annotations": annotations],
      "spec": [
        "nodeName": "kube-master1", "terminationGracePeriodSeconds": .integer(grace),
        "containers": [["name": "main", "image": "nginx:1"]],
      ],
    ]
  }

  @Test func aStaticPodIsSeenRestoredAndGoes() async throws {
    try await self.with { bench in
      try bench.node.install("web.yaml", Fixtures.pod())
      let name = "web-kube-master1"
      let first = try await bench.untilPod(name, "runs", Self.isRunning)
      let shown = try await bench.node.pods()
      #expect(
        first["status"]?["containerStatuses"]
          == shown.first?["status"]?["containerStatuses"].map(StatusReports.normal))
      #expect(first["status"]?["podIP"] == "127.0.0.1")
      let hash = shown.first?["metadata"]?["uid"]
      let annotations = first["metadata"]?["annotations"]
      #expect(annotations?["kubernetes.io/config.mirror"] == hash)
      #expect(
        annotations?["kubernetes.io/config.seen"]
          == shown.first?["metadata"]?["annotations"]?["kubernetes.io/config.seen"])
      let started = try await bench.untilEvent("Started", name)
      #expect(started["involvedObject"]?["uid"] == hash)
      #expect(started["involvedObject"]?["fieldPath"] == "spec.containers{main}")
      #expect(started["source"] == ["component": "kubelet", "host": "kube-master1"])

      try await bench.user.delete("\(Bench.pods)/\(name)")
      let second = try await bench.untilPod(name, "is another one") {
        $0["metadata"]?["uid"] != first["metadata"]?["uid"] && Self.isRunning($0)
      }
      // The containers keep running.
      #expect(
        second["status"]?["containerStatuses"] == first["status"]?["containerStatuses"])
      #expect(try await bench.node.pods().first?["status"] == shown.first?["status"])

      try bench.node.remove("web.yaml")
      try await bench.untilGone(name)
      _ = try await bench.untilEvent("Killing", name)
    }
  }

  @Test func anotherManifestIsAnotherMirror() async throws {
    try await self.with { bench in
      try bench.node.install("web.yaml", Fixtures.pod())
      let name = "web-kube-master1"
      let first = try await bench.untilPod(name, "runs", Self.isRunning)
      try bench.node.install("web.yaml", Fixtures.pod(image: "nginx:2"))
      let second = try await bench.untilPod(name, "is the other one") {
        Self.isRunning($0) && $0["spec"]?["containers"]?.elements.first?["image"] == "nginx:2"
      }
      #expect(second["metadata"]?["uid"] != first["metadata"]?["uid"])
    }
  }

  @Test func aStrangersPodIsLeftAlone() async throws {
    try await self.with { bench in
      let name = "web-kube-master1"
      let stranger = try await bench.user.post(Bench.pods, Self.bound(name))
      _ = try await bench.untilPod(name, "runs", Self.isRunning)
      try bench.node.install("web.yaml", Fixtures.pod())
      try await eventually("it is told") {
        !bench.node.log.lines(containing: "A pod that is no mirror has the name").isEmpty
      }
      let pods = try await bench.node.pods()
      #expect(pods.count == 1)
      #expect(
        pods.first?["metadata"]?["annotations"]?["kubernetes.io/config.source"] == "file")
      #expect(try await bench.pod(name)?["metadata"]?["uid"] == stranger["metadata"]?["uid"])
    }
  }

  @Test func aBoundPodRunsAndIsDeletedWithItsGrace() async throws {
    try await self.with { bench in
      let annotations: JSONValue = ["pretend.zweimaster.dev/stop-after": "1h"]
      try await bench.user.post(Bench.pods, Self.bound("web", annotations: annotations, grace: 3))
      let pod = try await bench.untilPod("web", "runs", Self.isRunning)
      #expect(pod["status"]?["qosClass"] == "BestEffort")
      let shown = try #require(try await bench.node.pods().first)
      #expect(shown["metadata"]?["uid"] == pod["metadata"]?["uid"])
      #expect(shown["metadata"]?["annotations"]?["kubernetes.io/config.source"] == "api")
      _ = try await bench.untilEvent("Started", "web")
      let before = ContinuousClock.now
      try await bench.user.delete("\(Bench.pods)/web")
      #expect(try await bench.pod("web")?["metadata"]?["deletionTimestamp"] != nil)
      try await bench.untilGone("web")
      // It ignores SIGTERM.
      #expect(ContinuousClock.now - before >= .seconds(3))
      _ = try await bench.untilEvent("Killing", "web")
      try await eventually("the node has none") { try await bench.node.pods().isEmpty }
    }
  }

  @Test func staticPodsGoOnWhileTheServerIsAway() async throws {
    try await self.with { bench in
      try bench.node.install("web.yaml", Fixtures.pod())
      _ = try await bench.untilPod("web-kube-master1", "runs", Self.isRunning)
      bench.server.set(isAway: true)
      try bench.node.install("more.yaml", Fixtures.pod("more", image: "nginx:7"))
      _ = try await bench.node.untilRunning(image: "nginx:7")
      try await eventually("the loss is told") {
        !bench.node.log.lines(containing: "No API server answers").isEmpty
      }
      try bench.node.remove("web.yaml")
      try await eventually("it has ended") { try await bench.node.pods().count == 1 }
      bench.server.set(isAway: false)
      _ = try await bench.untilPod("more-kube-master1", "runs", Self.isRunning)
      try await bench.untilGone("web-kube-master1")
      #expect(!bench.node.log.lines(containing: "An API server answers again").isEmpty)
      // The changes of the meantime are posted.
      _ = try await bench.untilEvent("Started", "more-kube-master1")
    }
  }

  @Test func connectionsThatWereForgottenAreMadeAnew() async throws {
    try await self.with { bench in
      try await bench.user.post(Bench.pods, Self.bound("a"))
      _ = try await bench.untilPod("a", "runs", Self.isRunning)
      bench.server.forgetConnections()
      try bench.node.install("web.yaml", Fixtures.pod())
      _ = try await bench.untilPod("web-kube-master1", "runs", Self.isRunning)
      try await bench.user.post(Bench.pods, Self.bound("b"))
      _ = try await bench.untilPod("b", "runs", Self.isRunning)
    }
  }

  @Test func aNodeThatIsSilentIsNotReady() async throws {
    try await self.with(registersNode: true, nodeGracePeriod: .seconds(3)) { bench in
      func isReady() async throws -> JSONValue? {
        try await bench.user.get("/api/v1/nodes/kube-master1")?["status"]?["conditions"]?.elements
          .first { $0["type"] == "Ready" }?["status"]
      }
      try await eventually("it is ready") { try await isReady() == "True" }
      bench.server.set(isAway: true)
      try await eventually("it is not") { try await isReady() == "Unknown" }
      bench.server.set(isAway: false)
      try await eventually("it is again") { try await isReady() == "True" }
    }
  }

  @Test func theNextServerIsAskedAndTheNodeIsThere() async throws {
    try await self.with(servers: [EtcdEndpoint.refusing.url], registersNode: true) { bench in
      let path = "/api/v1/nodes/kube-master1"
      try await eventually("the node") { try await bench.user.get(path) != nil }
      let node = try #require(try await bench.user.get(path))
      #expect(node["metadata"]?["labels"]?["zone"] == "a")
      let port = node["status"]?["daemonEndpoints"]?["kubeletEndpoint"]?["Port"]?.integer
      #expect(bench.node.addresses.main.hasSuffix(":\(port ?? 0)"))
      try await eventually("the lease") {
        try await bench.user.get(
          "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/kube-master1") != nil
      }
      try bench.node.install("web.yaml", Fixtures.pod())
      let pod = try await bench.untilPod("web-kube-master1", "runs", Self.isRunning)
      #expect(
        pod["metadata"]?["ownerReferences"]?.elements.first?["uid"] == node["metadata"]?["uid"])
      // The heartbeat continues after a new registration.
      try await bench.user.delete(path)
      try await eventually("the node again") {
        try await bench.user.get(path)?["metadata"]?["uid"]
          ?? node["metadata"]?["uid"] != node["metadata"]?["uid"]
      }
    }
  }

  @Test func repetitionsAreCounted() async throws {
    try await self.with { bench in
      let annotations = ["exit-after": "10ms", "exit-code": "\"1\""].map {
        ("pretend.zweimaster.dev/\($0)", $1)
      }
      try bench.node.install(
        "web.yaml", Fixtures.pod(annotations: Dictionary(uniqueKeysWithValues: annotations)))
      let name = "web-kube-master1"
      let event = try await bench.untilEvent("BackOff", name)
      #expect(event["type"] == "Warning")
      // The first restart comes at once.
      try await eventually("the second start is counted") {
        try await bench.untilEvent("Started", name)["count"]?.integer == 2
      }
    }
  }

  @Test func aNamespaceThatIsNotThereIsToldOnce() async throws {
    try await self.with { bench in
      let text = Fixtures.pod().replacing("  name: web", with: "  name: web\n  namespace: other")
      try await bench.node.run(text)
      try await eventually("it is told") {
        !bench.node.log.lines(containing: "Failed creating a mirror pod").isEmpty
      }
      try await Task.sleep(for: .seconds(2))
      #expect(bench.node.log.lines(containing: "Failed creating a mirror pod").count == 1)
    }
  }
}
