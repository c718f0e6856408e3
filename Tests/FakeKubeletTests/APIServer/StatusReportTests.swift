import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

@Suite struct StatusReportTests {
  static let name = PodName(namespace: "default", name: "web")

  private func server(_ status: JSONValue, uid: String = "u", version: String = "1") -> ServerPods {
    var server = ServerPods(nodeName: "n")
    server.apply(
      .listed([
        [
          "metadata": [
            "name": "web", "namespace": "default", "uid": .string(uid),
            "resourceVersion": .string(version),
          ],
          "spec": ["nodeName": "n"], "status": status,
        ]
      ]))
    return server
  }

  private func requests(
    _ reports: inout StatusReports, _ server: ServerPods, change: UInt64, _ status: JSONValue,
    at seconds: Double = 0
  ) -> [JSONValue] {
    reports.requests(
      for: [Self.name: .init(uid: "u", change: change)], on: server, at: .at(seconds)
    ) { _ in status }.compactMap {
      if case .postStatus(_, _, let status, _) = $0 { status } else { nil }
    }
  }

  private func posted(
    _ reports: inout StatusReports, change: UInt64, _ status: JSONValue, version: String
  ) {
    reports.posted(
      Self.name, uid: "u", status: status, change: change, version: version, at: .at(0))
  }

  /// The kubelet writes its own conditions; those of a readiness gate are another program's.
  @Test func aStrangersConditionStays() {
    let mine: JSONValue = ["type": "Mine", "status": "True"]
    let ready: JSONValue = ["type": "Ready", "status": "True"]
    let merged = StatusReports.merged(
      ["conditions": [["type": "Ready", "status": "False"], mine, ["type": "Initialized"]]],
      ["conditions": [ready]])
    #expect(merged == ["conditions": [ready, mine]])
    #expect(StatusReports.merged(merged, ["conditions": [ready]]) == merged)
  }

  @Test func theLatestIsPostedOnce() {
    var reports = StatusReports()
    let pending = self.server(["phase": "Pending"])
    #expect(
      self.requests(&reports, pending, change: 1, ["phase": "Running", "x": nil])
        == [["phase": "Running"]])
    self.posted(&reports, change: 1, ["phase": "Running"], version: "2")
    // The watch has not shown it yet.
    #expect(self.requests(&reports, pending, change: 1, ["phase": "Running"]) == [])
    let running = self.server(["phase": "Running"], version: "2")
    #expect(self.requests(&reports, running, change: 1, ["phase": "Running"]) == [])
    #expect(reports.hasPosted(Self.name, .init(uid: "u", change: 1)))
    #expect(!reports.hasPosted(Self.name, .init(uid: "u", change: 2)))
    // A new state of the pod with the same status.
    #expect(self.requests(&reports, running, change: 2, ["phase": "Running"]) == [])
    #expect(reports.hasPosted(Self.name, .init(uid: "u", change: 2)))
    #expect(
      self.requests(&reports, running, change: 3, ["phase": "Failed"]) == [["phase": "Failed"]])
  }

  @Test func whatSomebodyElseWroteIsPutRightAfterAWhile() {
    var reports = StatusReports()
    self.posted(&reports, change: 1, ["phase": "Running"], version: "2")
    let spoilt = self.server(["phase": "Failed", "qosClass": "BestEffort"], version: "3")
    #expect(self.requests(&reports, spoilt, change: 1, ["phase": "Running"], at: 9) == [])
    #expect(
      self.requests(&reports, spoilt, change: 1, ["phase": "Running"], at: 10)
        == [["phase": "Running"]])
    // Fields of other programs do not matter.
    let more = self.server(["phase": "Running", "qosClass": "BestEffort"], version: "4")
    #expect(self.requests(&reports, more, change: 1, ["phase": "Running"], at: 20) == [])
  }

  @Test func anotherPodOfThatNameIsToldAnew() {
    var reports = StatusReports()
    self.posted(&reports, change: 1, ["phase": "Running"], version: "2")
    let other = self.server(["phase": "Pending"], uid: "u2")
    #expect(self.requests(&reports, other, change: 1, ["phase": "Running"]) == [])
    let requests = reports.requests(
      for: [Self.name: .init(uid: "u2", change: 1)], on: other, at: .at(0)
    ) { _ in ["phase": "Running"] }
    #expect(requests.count == 1)
  }

  @Test func nothingsAreLeftOut() {
    let cases: [(JSONValue, JSONValue)] = [
      (["a": nil, "b": 1], ["b": 1]), (["a": [:], "b": ["c": nil]], [:]),
      (["a": [["b": nil], 1]], ["a": [[:], 1]]), ("x", "x"),
    ]
    for (value, normal) in cases { #expect(StatusReports.normal(value) == normal) }
  }
}

@Suite struct ServerPodsTests {
  private func pod(_ version: String, uid: String = "u", node: String = "n") -> JSONValue {
    [
      "metadata": ["name": "web", "uid": .string(uid), "resourceVersion": .string(version)],
      "spec": ["nodeName": .string(node)],
    ]
  }
  private static let name = PodName(namespace: "default", name: "web")

  @Test func earlierStatesArePassedOver() {
    var server = ServerPods(nodeName: "n")
    server.put(self.pod("10"))
    server.apply(.present(self.pod("9")))
    #expect(server.pods[Self.name]?.version == "10")
    server.apply(.present(self.pod("11")))
    #expect(server.pods[Self.name]?.version == "11")
    // Another pod, with any version.
    server.apply(.present(self.pod("3", uid: "v")))
    #expect(server.pods[Self.name]?.uid == "v")
    server.apply(.deleted(self.pod("12")))
    #expect(server.pods[Self.name]?.uid == "v")
    server.apply(.deleted(self.pod("13", uid: "v")))
    #expect(server.pods.isEmpty)
  }

  @Test func othersNodesPodsAreNoneOfOurs() {
    var server = ServerPods(nodeName: "n")
    server.apply(.listed([self.pod("1", node: "m")]))
    #expect(server.pods.isEmpty && server.isKnown)
  }

  @Test func aListHasAll() {
    var server = ServerPods(nodeName: "n")
    server.put(self.pod("10"))
    server.apply(.listed([]))
    #expect(server.pods.isEmpty)
  }
}
