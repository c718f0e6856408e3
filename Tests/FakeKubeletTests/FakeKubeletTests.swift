import AsyncHTTPClient
import Foundation
import Logging
import TestSupport
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// A real directory and real sockets.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct FakeKubeletTests {
  /// A client of a running kubelet.
  struct Node {
    let directory: URL
    let addresses: FakeKubeletAddresses
    let log: LogCapture

    func get(_ url: String) async throws -> (status: Int, headers: [String: String], body: String) {
      let response = try await HTTPClient.shared.execute(
        HTTPClientRequest(url: url), timeout: .seconds(30))
      let body = try await response.body.collect(upTo: 1 << 20)
      let headers = Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { $1 }
      return (Int(response.status.code), headers, String(buffer: body))
    }

    private func items(_ url: String) async throws -> [JSONValue] {
      let body = try await self.get(url).body
      return try JSONDecoder().decode(JSONValue.self, from: Data(body.utf8))["items"]?.elements
        ?? []
    }

    func pods() async throws -> [JSONValue] {
      try await self.items("\(self.addresses.readOnly)/pods")
    }

    func runningPods() async throws -> [JSONValue] {
      try await self.items("\(self.addresses.main)/runningpods/")
    }

    /// As an elector does, so that the file appears complete.
    func install(_ name: String, _ text: String) throws {
      let hidden = self.directory.appending(path: ".\(name)")
      try Data(text.utf8).write(to: hidden)
      guard rename(hidden.path, self.directory.appending(path: name).path) == 0 else {
        throw TestFailure("rename: \(errno)")
      }
    }

    /// Installs `web.yaml` and waits until it runs.
    @discardableResult
    func run(_ text: String, image: String = "nginx:1") async throws -> JSONValue {
      try self.install("web.yaml", text)
      return try await self.untilRunning(image: image)
    }

    func remove(_ name: String) throws {
      try FileManager.default.removeItem(at: self.directory.appending(path: name))
    }

    func untilRunning(image: String) async throws -> JSONValue {
      var found: JSONValue?
      try await eventually("\(image) runs") {
        found = try await self.pods().first { pod in
          pod["status"]?["phase"] == "Running"
            && pod["spec"]?["containers"]?.elements.first?["image"] == .string(image)
        }
        return found != nil
      }
      return try #require(found)
    }
  }

  func withNode(
    _ adjust: (inout FakeKubeletConfiguration) -> Void = { _ in },
    _ body: (Node) async throws -> Void
  ) async throws {
    try await withDirectory { parent in
      let directory = parent.appending(path: "manifests")
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
      var configuration = FakeKubeletConfiguration(
        manifestDirectory: directory.path, nodeName: "kube-master1")
      configuration.readOnlyPort = 0
      configuration.port = 0
      // The list shows it, so inotify has reported it.
      configuration.fileCheckFrequency = .seconds(3600)
      adjust(&configuration)
      let log = LogCapture()
      try await FakeKubelet.withRunning(configuration, logger: log.logger) { addresses in
        try await body(Node(directory: directory, addresses: addresses, log: log))
      }
    }
  }

  @Test func theSeedsPodsRun() async throws {
    try await self.withNode { node in
      let seed = try Fixtures.directory("seed")
      for name in try FileManager.default.contentsOfDirectory(atPath: seed.path) {
        try node.install(name, String(contentsOf: seed.appending(path: name), encoding: .utf8))
      }
      try await eventually("three pods run") {
        try await node.pods().filter { $0["status"]?["phase"] == "Running" }.count == 3
      }
      let pods = try await node.pods()
      #expect(
        pods.map { $0["metadata"]?["name"] } == [
          "kube-controller-manager-kube-master1", "kube-scheduler-kube-master1",
          "podmaster-kube-master1",
        ])
      let podmaster = try #require(pods.last)
      let statuses = podmaster["status"]?["containerStatuses"]?.elements
      #expect(statuses?.map { $0["name"] } == ["controller-manager-elector", "scheduler-elector"])
      #expect(statuses?.map { $0["ready"] } == [true, true])
      #expect(statuses?.map { $0["restartCount"] } == [0, 0])
      #expect(podmaster["metadata"]?["namespace"] == "kube-system")
      let running = try await node.runningPods()
      #expect(running.map { $0["metadata"]?["name"] } == pods.map { $0["metadata"]?["name"] })
      #expect(running.map { $0["metadata"]?["uid"] } == pods.map { $0["metadata"]?["uid"] })
    }
  }

  @Test func endpointsAnswerAsTheRealOnes() async throws {
    try await self.withNode { node in
      let empty = #"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":null}"# + "\n"
      for base in [node.addresses.readOnly, node.addresses.main] {
        let health = try await node.get("\(base)/healthz")
        #expect(health.status == 200)
        #expect(health.body == "ok")
        #expect(health.headers["content-type"] == "text/plain; charset=utf-8")
        #expect(health.headers["x-content-type-options"] == "nosniff")
        let pods = try await node.get("\(base)/pods")
        #expect(pods.body == empty)
        #expect(pods.headers["content-type"] == "application/json")
        #expect(try await node.get("\(base)/nowhere").status == 404)
      }
      for path in ["/runningpods", "/runningpods/"] {
        #expect(try await node.get(node.addresses.main + path).body == empty)
        let refused = try await node.get(node.addresses.readOnly + path)
        #expect(refused.status == 405)
        #expect(refused.body == "Debug endpoints are disabled.\n")
      }
    }
  }

  @Test func aRemovedPodLeavesPodsAtOnceAndRunningPodsWhenItHasEnded() async throws {
    try await self.withNode { node in
      // It takes an hour to stop, so only SIGKILL after the grace period ends it.
      let text = Fixtures.pod(
        annotations: ["pretend.zweimaster.dev/stop-after": "1h"],
        spec: "  terminationGracePeriodSeconds: 2")
      try await node.run(text)
      try node.remove("web.yaml")
      try await eventually("the pod leaves /pods") { try await node.pods().isEmpty }
      // The container had SIGTERM before its end.
      try await eventually("the pod ends") { try await node.runningPods().isEmpty }
      #expect(node.log.lines(containing: "Killing container with a grace period").count == 1)
      #expect(node.log.lines(containing: "The grace period is over").count == 1)
      #expect(node.log.lines(containing: "Container ended").first?.contains("137") == true)
    }
  }

  @Test func aStoppingPodStaysInRunningPods() async throws {
    try await self.withNode { node in
      let text = Fixtures.pod(
        annotations: ["pretend.zweimaster.dev/stop-after": "1h"],
        spec: "  terminationGracePeriodSeconds: 3600")
      try await node.run(text)
      try node.remove("web.yaml")
      try await eventually("the pod leaves /pods") { try await node.pods().isEmpty }
      let running = try await node.runningPods()
      #expect(running.map { $0["metadata"]?["name"] } == ["web-kube-master1"])
      #expect(running.first?["spec"]?["containers"]?.elements.count == 1)
    }
  }

  @Test func aPodIsPendingUntilItsContainersRun() async throws {
    try await self.withNode { node in
      try node.install(
        "web.json",
        """
        {"apiVersion": "v1", "kind": "Pod",
         "metadata": {"name": "web", "annotations": {"pretend.zweimaster.dev/start-after": "1h"}},
         "spec": {"containers": [{"name": "main", "image": "nginx:1"}]}}
        """)
      try await eventually("the pod is there") { try await node.pods().count == 1 }
      let pod = try #require(try await node.pods().first)
      #expect(pod["status"]?["phase"] == "Pending")
      let status = pod["status"]?["containerStatuses"]?.elements.first
      #expect(status?["state"] == ["waiting": ["reason": "ContainerCreating"]])
      #expect(status?["ready"] == false)
      // A container that does not run yet stops at once.
      try node.remove("web.json")
      try await eventually("the pod is gone") { try await node.runningPods().isEmpty }
    }
  }

  @Test func anEditReplacesThePodAndABrokenEditKeepsIt() async throws {
    try await self.withNode { node in
      try node.install("web.yaml", Fixtures.pod())
      try node.install("other.yaml", Fixtures.pod("other", image: "other:1"))
      let first = try await node.untilRunning(image: "nginx:1")
      let other = try await node.untilRunning(image: "other:1")

      let second = try await node.run(Fixtures.pod(image: "nginx:2"), image: "nginx:2")
      #expect(first["metadata"]?["uid"] != second["metadata"]?["uid"])
      #expect(first["metadata"]?["name"] == second["metadata"]?["name"])

      try node.install("web.yaml", Fixtures.pod().replacing("image:", with: "imag:"))
      let complaint = "Could not process manifest file"
      try await eventually("the bad file is named") {
        !node.log.lines(containing: complaint).isEmpty
      }
      let line = try #require(node.log.lines(containing: complaint).first)
      #expect(line.contains("spec.containers[0].image: Required value"))
      #expect(line.contains("path=\(node.directory.path)/web.yaml"))
      #expect(try await node.untilRunning(image: "nginx:2") == second)

      try await node.run(Fixtures.pod(image: "nginx:3"), image: "nginx:3")
      #expect(try await node.untilRunning(image: "other:1") == other)
    }
  }

  /// An elector that renews its lease in the manifest: when the renewals end, the kubelet stops
  /// the pod.
  @Test func aDeadlineThatIsPushedOutKeepsThePodAndEndsItOnceItIsNot() async throws {
    try await self.withNode { node in
      func write(_ seconds: Int) throws {
        let text = Fixtures.pod(
          uid: "term-1", annotations: ["example.com/renewal": "'\(seconds)'"],
          spec: "  activeDeadlineSeconds: \(seconds)\n  terminationGracePeriodSeconds: 2")
        try node.install("web.yaml", text)
      }
      try write(3600)
      let first = try await node.untilRunning(image: "nginx:1")
      let started = try #require(
        first["status"]?["containerStatuses"]?.elements.first?["containerID"])
      for seconds in [7200, 10800] {
        try write(seconds)
        try await eventually("the renewal is taken in") {
          try await node.pods().first?["spec"]?["activeDeadlineSeconds"]?.integer == Int64(seconds)
        }
        let pod = try #require(try await node.pods().first)
        #expect(pod["metadata"]?["uid"] == "term-1")
        #expect(
          pod["metadata"]?["annotations"]?["example.com/renewal"] == .string("\(seconds)"))
        #expect(pod["status"]?["startTime"] == first["status"]?["startTime"])
        let status = pod["status"]?["containerStatuses"]?.elements.first
        #expect(status?["containerID"] == started)
        #expect(status?["restartCount"] == 0)
      }
      #expect(node.log.lines(containing: "SyncLoop UPDATE").count == 2)
      #expect(node.log.lines(containing: "SyncLoop REMOVE").isEmpty)
      // The file does not change from here on.
      try write(1)
      try await eventually("the pod ends by itself") { try await node.runningPods().isEmpty }
      let failed = try #require(try await node.pods().first)
      #expect(failed["status"]?["phase"] == "Failed")
      #expect(failed["status"]?["reason"] == "DeadlineExceeded")
      #expect(node.log.lines(containing: "reason=DeadlineExceeded").count == 1)
      // Too late: the deadline of this uid has passed.
      try write(3600)
      try await eventually("the late renewal is seen") {
        node.log.lines(containing: "SyncLoop UPDATE").count == 4
      }
      #expect(try await node.runningPods().isEmpty)
      // The next term is another pod.
      let second = try await node.run(
        Fixtures.pod(uid: "term-2", image: "nginx:2"), image: "nginx:2")
      #expect(second["metadata"]?["uid"] == "term-2")
    }
  }

  @Test func aPodPassesThroughItsPhases() async throws {
    try await self.withNode {
      $0.crashLoopBackOff = CrashLoopBackOff(initial: .milliseconds(20), limit: .milliseconds(40))
    } _: { node in
      func status(_ name: String) async throws -> JSONValue? {
        try await node.pods().first {
          $0["metadata"]?["name"] == .string("\(name)-kube-master1")
        }?["status"]
      }
      let initial = "\n  initContainers:\n  - {name: first, image: 'i:1'}"
      try node.install(
        "done.yaml",
        Fixtures.pod(
          "done", annotations: ["pretend.zweimaster.dev/exit-after": "50ms"],
          spec: "  restartPolicy: OnFailure" + initial))
      try node.install(
        "crash.yaml",
        Fixtures.pod(
          "crash",
          annotations: [
            "pretend.zweimaster.dev/exit-after": "1ms",
            "pretend.zweimaster.dev/exit-code": "'7'",
          ]))
      try node.install(
        "never.yaml",
        Fixtures.pod(
          "never", annotations: ["pretend.zweimaster.dev/exit-code.first": "'1'"],
          spec: "  restartPolicy: Never" + initial))
      try await eventually("one succeeds") {
        try await status("done")?["phase"] == "Succeeded"
      }
      let first = try await status("done")?["initContainerStatuses"]?.elements.first
      #expect(first?["state"]?["terminated"]?["exitCode"] == 0)
      try await eventually("one fails before it has begun") {
        try await status("never")?["phase"] == "Failed"
      }
      try await eventually("one crashes again and again") {
        let main = try await status("crash")?["containerStatuses"]?.elements.first
        return (main?["restartCount"]?.integer ?? 0) >= 4
          && main?["lastState"]?["terminated"]?["exitCode"] == 7
      }
      #expect(try await status("crash")?["phase"] == "Running")
      #expect(
        try await node.runningPods().map { $0["metadata"]?["name"] } == ["crash-kube-master1"])
    }
  }

  @Test func aHookComesBeforeTheSignal() async throws {
    try await self.withNode { node in
      try await node.run(
        Fixtures.pod(
          annotations: ["pretend.zweimaster.dev/pre-stop-after": "100ms"],
          spec: "    lifecycle: {preStop: {exec: {command: [drain]}}}"))
      try node.remove("web.yaml")
      try await eventually("the pod ends") { try await node.runningPods().isEmpty }
      #expect(node.log.lines(containing: "Running preStop hook").count == 1)
      #expect(node.log.lines(containing: "Killing container with a grace period").count == 1)
      #expect(node.log.lines(containing: "Container ended").first?.contains("143") == true)
    }
  }

  /// Without renewals the deadline itself wakes the kubelet.
  @Test func aPodEndsAtItsDeadline() async throws {
    try await self.withNode { node in
      try node.install("web.yaml", Fixtures.pod(spec: "  activeDeadlineSeconds: 1"))
      try await eventually("the pod fails") {
        try await node.pods().first?["status"]?["reason"] == "DeadlineExceeded"
      }
      try await eventually("the pod ends") { try await node.runningPods().isEmpty }
      #expect(try await node.pods().count == 1)
    }
  }

  @Test func aFileIsFoundWhenItIsWrittenInPlace() async throws {
    try await self.withNode { node in
      let file = node.directory.appending(path: "web.yaml")
      try Data(Fixtures.pod().utf8).write(to: file)
      _ = try await node.untilRunning(image: "nginx:1")
      try Data(Fixtures.pod(image: "nginx:2").utf8).write(to: file)
      _ = try await node.untilRunning(image: "nginx:2")
    }
  }

  @Test func aDirectoryMayVanishAndReturn() async throws {
    try await self.withNode { node in
      for turn in 1...2 {
        try await node.run(Fixtures.pod(image: "nginx:\(turn)"), image: "nginx:\(turn)")
        try FileManager.default.removeItem(at: node.directory)
        try await eventually("no pods are left") { try await node.pods().isEmpty }
        try await eventually("it is said") {
          node.log.lines(containing: "Unable to read config path").count == turn
        }
        try FileManager.default.createDirectory(
          at: node.directory, withIntermediateDirectories: true)
      }
      // The new directory is watched, not only listed once.
      try await node.run(Fixtures.pod(image: "nginx:3"), image: "nginx:3")
      try await node.run(Fixtures.pod(image: "nginx:4"), image: "nginx:4")
    }
  }

  @Test func theDirectoryNeedNotExistAtTheStart() async throws {
    try await self.withNode {
      $0.manifestDirectory += "/later"
    } _: { node in
      try await eventually("it is said") {
        node.log.lines(containing: "path does not exist, ignoring").count == 1
      }
      let later = Node(
        directory: node.directory.appending(path: "later"), addresses: node.addresses, log: node.log
      )
      try FileManager.default.createDirectory(
        at: later.directory, withIntermediateDirectories: true)
      try await later.run(Fixtures.pod())
    }
  }

  /// inotify does not report changes of a link's target.
  @Test func whatIsNotReportedIsFoundByLookingAgain() async throws {
    try await self.withNode {
      $0.fileCheckFrequency = .milliseconds(50)
    } _: { node in
      let target = node.directory.deletingLastPathComponent().appending(path: "target.yaml")
      try Data(Fixtures.pod().utf8).write(to: target)
      try FileManager.default.createSymbolicLink(
        at: node.directory.appending(path: "web.yaml"), withDestinationURL: target)
      _ = try await node.untilRunning(image: "nginx:1")
      try Data(Fixtures.pod(image: "nginx:2").utf8).write(to: target)
      _ = try await node.untilRunning(image: "nginx:2")
    }
  }

  @Test func whatIsNoFileIsNamedAndDisturbsNothing() async throws {
    try await self.withNode { node in
      try FileManager.default.createDirectory(
        at: node.directory.appending(path: "folder"), withIntermediateDirectories: true)
      #expect(mkfifo(node.directory.appending(path: "pipe").path, 0o600) == 0)
      try FileManager.default.createSymbolicLink(
        atPath: node.directory.appending(path: "dangling").path, withDestinationPath: "/nowhere")
      try await node.run(Fixtures.pod())
      for (name, reason) in [
        ("folder", "is a directory, not recursing"), ("pipe", "is not a directory or file"),
        ("dangling", "Could not get metadata: No such file or directory"),
      ] {
        let lines = node.log.lines(containing: "/\(name)")
        #expect(lines.count == 1)
        #expect(lines.first?.contains(reason) == true)
      }
    }
  }

  @Test func aBusyPortIsNamedWithItsFlag() async throws {
    try await self.withNode { node in
      let port = try #require(URL(string: node.addresses.main)?.port)
      var configuration = FakeKubeletConfiguration(
        manifestDirectory: node.directory.path, nodeName: "kube-master2")
      configuration.readOnlyPort = 0
      configuration.port = port
      await #expect(
        throws: FakeKubeletError.cannotListen(
          address: "127.0.0.1", port: port, flag: "--port", reason: "Address already in use")
      ) {
        try await FakeKubelet.withRunning(configuration, logger: node.log.logger) { _ in }
      }
    }
  }
}
