import FakeKubelet
import Foundation
import KubernetesClient
import KubernetesObjects
import Logging
import TestSupport
import Testing

@testable import StandIns

/// Kubelets, a scheduler and a controller manager around an API server, over real sockets.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct StandInTests {
  private static let quiet = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }

  private func kubelet(_ name: String, _ url: String) -> FakeKubelet {
    var configuration = FakeKubeletConfiguration(
      manifestDirectory: FileManager.default.temporaryDirectory
        .appending(path: "stand-ins-\(UUID().uuidString)").path, nodeName: name)
    configuration.servesHTTP = false
    var settings = FakeKubeletAPIServers(servers: [APIServer(url: url)])
    settings.nodeStatusUpdateFrequency = .milliseconds(200)
    configuration.apiServers = settings
    return FakeKubelet(configuration: configuration, logger: Self.quiet)
  }

  private func daemon(_ url: String) -> Daemon {
    Daemon([APIServer(url: url)], component: "test", port: 0, logger: Self.quiet)
  }

  /// The nodes of the running pods.
  private func running(_ user: APIUser) async throws -> [String] {
    try await user.list("/api/v1/pods").filter {
      $0["status"]?["phase"] == "Running" && $0["metadata"]?["deletionTimestamp"] == nil
    }.map(\.nodeName).sorted()
  }

  @Test func podsComeUpAreReplacedAndGo() async throws {
    try await TestAPIServer.with(nodeGracePeriod: .seconds(6)) { server in
      let (user, url) = (server.user, server.url)
      try await withThrowingTaskGroup(of: Void.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await self.kubelet("n1", url).run() }
        group.addTask { try await Scheduler(daemon: self.daemon(url)).run() }
        group.addTask {
          try await ControllerManager(
            daemon: self.daemon(url),
            monitor: NodeMonitor(gracePeriod: .seconds(60), evictionTimeout: .seconds(1))
          ).run()
        }
        try await withThrowingTaskGroup(of: Void.self) { second in
          second.addTask { try await self.kubelet("n2", url).run() }
          try await eventually("two nodes") {
            try await user.list("/api/v1/nodes").count { $0.conditionStatus("Ready") == "True" }
              == 2
          }
          try await user.post(
            "/api/v1/namespaces/default/replicationcontrollers",
            Objects.controller("web", replicas: 4))
          try await eventually("four pods run, two on each node") {
            try await self.running(user) == ["n1", "n1", "n2", "n2"]
          }
          let path = "/api/v1/namespaces/default/replicationcontrollers/web"
          try await eventually("the controller says so") {
            try await user.get(path)?["status"]?["readyReplicas"] == 4
          }
          try await user.patch(path, ["spec": ["replicas": 2]])
          try await eventually("two pods are left") {
            try await user.list("/api/v1/pods").count == 2
          }
          try await user.patch(path, ["spec": ["replicas": 4]])
          try await eventually("two more") {
            let nodes = try await self.running(user)
            return nodes.count == 4 && nodes.contains("n2")
          }
          // n2 is silent from now on.
          second.cancelAll()
          try? await second.waitForAll()
        }
        try await eventually("n2 is not known to be ready") {
          try await user.get("/api/v1/nodes/n2")?.conditionStatus("Ready") == "Unknown"
        }
        try await eventually("all run on n1") {
          try await self.running(user) == ["n1", "n1", "n1", "n1"]
        }
        // The pods of n2 wait for its kubelet.
        let left = try await user.list("/api/v1/pods").filter { $0.nodeName == "n2" }
        #expect(left.allSatisfy { $0.metadata.isBeingDeleted } && !left.isEmpty)
        try await withThrowingTaskGroup(of: Void.self) { second in
          second.addTask { try await self.kubelet("n2", url).run() }
          try await eventually("n2 is back and has cleaned up") {
            let pods = try await user.list("/api/v1/pods")
            let node = try await user.get("/api/v1/nodes/n2")
            return !pods.contains { $0.nodeName == "n2" }
              && node?.conditionStatus("Ready") == "True"
          }
          second.cancelAll()
          try? await second.waitForAll()
        }
        try await user.delete("/api/v1/namespaces/default/replicationcontrollers/web")
        try await eventually("its pods go") { try await user.list("/api/v1/pods").isEmpty }
        let reasons = Set(
          try await user.list("/api/v1/events").compactMap { $0["reason"]?.string })
        let expected: Set<String> = [
          "Scheduled", "SuccessfulCreate", "SuccessfulDelete", "NodeControllerEviction",
          "Started", "Killing",
        ]
        #expect(reasons.isSuperset(of: expected), "\(reasons)")
      }
    }
  }
}
