import KubernetesObjects
import Testing

@testable import StandIns

@Suite struct SchedulingTests {
  private func bound(_ plan: Scheduling.Plan) -> [String] {
    plan.bindings.map { "\($0.pod.metadata.name) \($0.node)" }
  }

  @Test func oneNodeAfterTheOther() {
    var scheduling = Scheduling()
    let nodes = ["n2", "n1", "n3"].map { Objects.node($0) }
    #expect(
      self.bound(scheduling.plan(pods: ["a", "b", "c", "d"].map { Objects.pod($0) }, nodes: nodes))
        == ["a n1", "b n2", "c n3", "d n1"])
    #expect(
      self.bound(scheduling.plan(pods: [Objects.pod("e")], nodes: nodes)) == ["e n2"])
    // The last used node is gone.
    #expect(
      self.bound(scheduling.plan(pods: [Objects.pod("f")], nodes: [nodes[0], nodes[1]]))
        == ["f n1"])
  }

  @Test func theOldestComesFirst() {
    var scheduling = Scheduling()
    let pods = [
      Objects.pod("a", created: "2026-01-01T00:00:09Z"),
      Objects.pod("b", created: "2026-01-01T00:00:08Z"),
    ]
    #expect(
      self.bound(scheduling.plan(pods: pods, nodes: [Objects.node("n1")])) == ["b n1", "a n1"])
  }

  @Test(
    arguments: [
      (Objects.node("n"), true), (Objects.node("n", ready: "False"), false),
      (Objects.node("n", ready: "Unknown"), false), (Objects.node("n", ready: nil), false),
      (Objects.node("n", cordoned: true), false),
    ] as [(JSONValue, Bool)])
  func whichNodesAreGood(_ node: JSONValue, _ isGood: Bool) {
    var scheduling = Scheduling()
    let plan = scheduling.plan(pods: [Objects.pod("a")], nodes: [node])
    #expect(plan.bindings.isEmpty != isGood)
    #expect(plan.failures.isEmpty == isGood)
  }

  @Test(
    arguments: [
      (Objects.pod("a"), true), (Objects.pod("a", node: "n"), false),
      (Objects.pod("a", deleted: true), false), (Objects.pod("a", phase: "Failed"), false),
      (Objects.pod("a", spec: ["schedulerName": "mine"]), false),
      (Objects.pod("a", spec: ["schedulerName": "default-scheduler"]), true),
      (Objects.pod("a", spec: ["nodeSelector": ["zone": "a"]]), true),
    ] as [(JSONValue, Bool)])
  func whichPodsAreBound(_ pod: JSONValue, _ isBound: Bool) {
    var scheduling = Scheduling()
    let plan = scheduling.plan(
      pods: [pod], nodes: [Objects.node("n", labels: ["zone": "a", "x": "y"])])
    #expect(plan.bindings.isEmpty != isBound)
    #expect(plan.failures.isEmpty)
  }

  @Test func aSelectorThatNobodyMeetsIsToldOnce() {
    var scheduling = Scheduling()
    let pods = [Objects.pod("a", spec: ["nodeSelector": ["zone": "b"]])]
    let nodes = [Objects.node("n1"), Objects.node("n2", ready: "False")]
    let reason =
      "0/2 nodes are available: 1 not ready or cordoned, 1 without the labels of its nodeSelector"
    #expect(scheduling.plan(pods: pods, nodes: nodes).failures.map(\.reason) == [reason])
    #expect(scheduling.plan(pods: pods, nodes: nodes).failures.isEmpty)
    #expect(scheduling.plan(pods: pods, nodes: [nodes[0]]).failures.count == 1)
  }
}

@Suite struct ReplicationTests {
  private func plan(_ pods: [JSONValue], _ controllers: [JSONValue]) -> [String] {
    Replication.plan(pods: pods, controllers: controllers).map { action in
      switch action {
      case .create(let controller, let count): "create \(count) of \(controller.metadata.name)"
      case .delete(let pod, let controller):
        "delete \(pod.metadata.name) of \(controller?.metadata.name ?? "nobody")"
      case .status(let controller, let replicas, let ready):
        "\(controller.metadata.name): \(replicas), \(ready) ready"
      }
    }
  }

  @Test func whatIsLackingIsMade() {
    #expect(
      self.plan([], [Objects.controller("rc", replicas: 3)])
        == ["create 3 of rc", "rc: 0, 0 ready"])
    #expect(
      self.plan(
        [
          Objects.pod("a", owner: "rc", phase: "Running", ready: true), Objects.pod("b"),
          Objects.pod("c", owner: "rc", phase: "Failed"), Objects.pod("d", owner: "other"),
          Objects.pod("e", owner: "rc", phase: "Running", deleted: true),
        ],
        [
          Objects.controller("rc", replicas: 2, status: (1, 1)),
          Objects.controller("other", replicas: 1, status: (1, 0)),
        ])
        == ["create 1 of rc"])
  }

  @Test func whatIsTooMuchGoesInOrder() {
    let pods = [
      Objects.pod("old", node: "n", owner: "rc", phase: "Running", ready: true),
      Objects.pod(
        "young", node: "n", owner: "rc", phase: "Running", ready: true,
        created: "2026-01-02T00:00:00Z"),
      Objects.pod("unready", node: "n", owner: "rc", phase: "Running"),
      Objects.pod("pending", node: "n", owner: "rc"), Objects.pod("unbound", owner: "rc"),
    ]
    #expect(
      self.plan(pods, [Objects.controller("rc", replicas: 0, status: (5, 2))])
        == ["unbound", "pending", "unready", "young", "old"].map { "delete \($0) of rc" })
    #expect(
      self.plan(pods, [Objects.controller("rc", replicas: 4, status: (5, 2))])
        == ["delete unbound of rc"])
  }

  @Test func podsWhoseControllerIsGoneGo() {
    #expect(
      self.plan(
        [
          Objects.pod("a", owner: "gone"), Objects.pod("b"),
          Objects.pod("c", owner: "gone", deleted: true),
        ], []) == ["delete a of nobody"])
  }

  @Test func aPodIsOfItsTemplate() {
    let pod = Replication.pod(of: Objects.controller("rc", replicas: 1))
    #expect(pod["metadata"]?["generateName"] == "rc-")
    #expect(pod["metadata"]?["labels"] == ["app": "web"])
    #expect(pod.metadata.controller?["uid"] == "uid-rc")
    #expect(pod["spec"]?["containers"]?.elements.count == 1)
  }
}

@Suite struct NodeMonitorTests {
  private func plan(
    _ monitor: inout NodeMonitor, _ nodes: [JSONValue], pods: [JSONValue] = [],
    renewed: String? = nil, at seconds: Int
  ) -> [String] {
    let leases: [JSONValue] =
      renewed.map {
        [["metadata": ["name": "n"], "spec": ["renewTime": .string($0)]]]
      } ?? []
    return monitor.plan(nodes: nodes, leases: leases, pods: pods, at: .seconds(seconds)).map {
      switch $0 {
      case .markUnknown(let node): "unknown \(node.metadata.name)"
      case .evict(let pod): "evict \(pod.metadata.name)"
      }
    }
  }

  @Test func silenceIsNoticed() {
    var monitor = NodeMonitor(gracePeriod: .seconds(40))
    let node = Objects.node("n")
    #expect(self.plan(&monitor, [node], renewed: "1", at: 0) == [])
    #expect(self.plan(&monitor, [node], renewed: "1", at: 40) == [])
    #expect(self.plan(&monitor, [node], renewed: "1", at: 41) == ["unknown n"])
    // A Lease that is renewed is a sign of life, and so is a heartbeat.
    #expect(self.plan(&monitor, [node], renewed: "2", at: 42) == [])
    #expect(self.plan(&monitor, [Objects.node("n", heartbeat: "2")], renewed: "2", at: 82) == [])
    #expect(self.plan(&monitor, [Objects.node("n", heartbeat: "2")], renewed: "2", at: 122) == [])
    #expect(
      self.plan(&monitor, [Objects.node("n", heartbeat: "2")], renewed: "2", at: 123)
        == ["unknown n"])
  }

  @Test func whatWasMarkedIsMarkedOnce() {
    var monitor = NodeMonitor(gracePeriod: .seconds(40))
    #expect(self.plan(&monitor, [Objects.node("n")], at: 0) == [])
    #expect(self.plan(&monitor, [Objects.node("n")], at: 41) == ["unknown n"])
    let marked = Objects.node("n", ready: "Unknown")
    for seconds in [42, 100, 200] { #expect(self.plan(&monitor, [marked], at: seconds) == []) }
    #expect(self.plan(&monitor, [Objects.node("n", heartbeat: "2")], at: 201) == [])
    #expect(self.plan(&monitor, [Objects.node("n", heartbeat: "2")], at: 241) == [])
  }

  @Test func afterAWhileItsPodsGo() {
    var monitor = NodeMonitor(gracePeriod: .seconds(40), evictionTimeout: .seconds(300))
    let pods = [
      Objects.pod("a", node: "n"), Objects.pod("b", node: "m"), Objects.pod("c"),
      Objects.pod("d", node: "n", mirror: true), Objects.pod("e", node: "n", deleted: true),
      Objects.pod("f", node: "n", phase: "Succeeded"), Objects.pod("g", node: "strange"),
    ]
    /// A node with a sign of life each time, and a node with one now and then.
    func plan(_ ready: String, heartbeat: String, at seconds: Int) -> [String] {
      self.plan(
        &monitor,
        [
          Objects.node("n", ready: ready, heartbeat: heartbeat),
          Objects.node("m", heartbeat: "\(seconds)"),
        ], pods: pods, at: seconds)
    }
    #expect(plan("True", heartbeat: "1", at: 0) == [])
    #expect(plan("True", heartbeat: "1", at: 41) == ["unknown n"])
    #expect(plan("Unknown", heartbeat: "1", at: 341) == [])
    #expect(plan("Unknown", heartbeat: "1", at: 342) == ["evict a"])
    // A node that returns has the full timeout again.
    #expect(plan("True", heartbeat: "2", at: 343) == [])
    #expect(plan("False", heartbeat: "3", at: 344) == [])
    #expect(plan("False", heartbeat: "4", at: 644) == [])
    #expect(plan("False", heartbeat: "5", at: 645) == ["evict a"])
  }
}
