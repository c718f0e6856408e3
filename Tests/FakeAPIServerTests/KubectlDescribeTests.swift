import Foundation
import Glibc
import TestSupport
import Testing

/// `kubectl describe` and `kubectl logs` with the real kubectl.
extension KubectlTests {
  @Test func describe() async throws {
    try await withRecipe { server, kubectl in
      let pod = try await kubectl.lines("describe pod podmaster-kube-master1 -n kube-system")
      for line in [
        "Name:  podmaster-kube-master1", "Namespace:  kube-system", "Node:  kube-master1/",
        "Status:  Running", "IP:  127.0.0.1", "  scheduler-elector:",
        "  controller-manager-elector:",
      ] {
        #expect(pod.contains { $0.hasPrefix(line) }, "\(line)")
      }
      // It lists the events of the kubelet's uid.
      #expect(
        pod.contains {
          $0.contains(#/Normal +Started +AGE +kubelet.* +Started container scheduler-elector/#)
        },
        "\(pod)")
      let byPrefix = try await kubectl.lines("describe pod podmaster -n kube-system")
      #expect(byPrefix.count { $0.hasPrefix("Name:  podmaster-kube-master") } == 2)

      let node = try await kubectl.lines("describe node kube-master1")
      for line in [
        "Name:  kube-master1", "Roles:  master", "  InternalIP:  127.0.0.1", "  cpu:  2",
        "  Kubelet Version:  v1.32.0",
      ] {
        #expect(node.contains(line), "\(line)")
      }
      let table = node.drop { !$0.hasPrefix("Non-terminated Pods:") }
      #expect(table.contains { $0.contains("kube-controller-manager-kube-master1") })
      #expect(table.contains { $0.contains("podmaster-kube-master1") })
      #expect(!table.contains { $0.contains("kube-master2") })
      #expect(
        try await kubectl.lines("describe ns kube-system").contains("Status:  Active"))
    }
  }

  /// A real fake-kubelet posts its pods.
  @Test func staticPods() async throws {
    try await withServer { server, kubectl in
      try await kubectl.ready("kube-system")
      try await RealKubelet.run(
        node: "kube-master1", server: server, runtime: "pretend",
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: podmaster, namespace: kube-system}
        spec:
          containers:
          - {name: scheduler-elector, image: podmaster:1.1}
          - {name: controller-manager-elector, image: podmaster:1.1}
        """
      ) {
        let name = "podmaster-kube-master1"
        let pod = "pod \(name) -n kube-system"
        @Sendable func line() async throws -> [String] {
          try await kubectl("get \(pod) --no-headers").lines
        }
        try await eventually("the pod runs") {
          try await line() == ["\(name)  2/2  Running  0  AGE"]
        }
        try await kubectl.check(
          "wait --for=condition=Ready node/kube-master1 --timeout=120s",
          prints: "node/kube-master1 condition met\n")
        try await eventually("its events are there") {
          try await kubectl("describe \(pod)").lines
            .count { $0.contains(#/Normal +Started +AGE .*Started container/#) } == 2
        }
        // Only the mirror goes, and its kubelet creates it again. kubectl must not wait: when the
        // new mirror comes before kubectl has listed the old one, it waits for the new one's end.
        let uid = "get \(pod) -o jsonpath={.metadata.uid}"
        let before = try await kubectl.output(uid)
        #expect(
          try await kubectl.output("delete \(pod) --wait=false").hasPrefix(
            "pod \"\(name)\" deleted"))
        try await eventually("there is another one") {
          let now = try await kubectl(uid)
          return now.code == 0 && now.output != before
        }
        try await eventually("it runs as before") {
          try await line() == ["\(name)  2/2  Running  0  AGE"]
        }
      }
    }
  }

  /// Whether real containers can run here.
  static let canRunContainers =
    getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/bwrap")

  @Test(.enabled(if: canRunContainers, "real containers need root and bubblewrap (make deps)"))
  func logs() async throws {
    try await withServer { server, kubectl in
      try await kubectl.ready("kube-system")
      try await RealKubelet.run(
        node: "kube-master1", server: server, runtime: "process",
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: kube-system}
        spec:
          containers:
          - name: main
            image: shell
            command: [/bin/sh, -c, "echo one; echo two; echo three; exec sleep 1000"]
          - name: other
            image: shell
            command: [/bin/sh, -c, "echo other; exec sleep 1000"]
          - name: again
            image: shell
            command: [/bin/sh, -c, "echo run; exit 1"]
        """
      ) {
        @Sendable func logs(_ options: String) async throws -> Kubectl.Answer {
          try await kubectl("logs web-kube-master1 -n kube-system \(options)")
        }
        try await eventually("the containers have said something") {
          let main = try await logs("-c main").output
          let other = try await logs("-c other").output
          let ended = try await logs("-c again --previous").output
          return main.hasSuffix("three\n") && other == "other\n" && ended == "run\n"
        }
        #expect(try await logs("-c main").output == "one\ntwo\nthree\n")
        #expect(try await logs("-c main --tail=2").output == "two\nthree\n")
        #expect(try await logs("-c main --since=1h").output == "one\ntwo\nthree\n")
        #expect(try await logs("-c main --since-time=2126-01-02T03:04:05Z").output == "")
        #expect(try await logs("-c main --limit-bytes=3").output == "one")
        let stamped = try await logs("-c main --timestamps --tail=1").output
        #expect(stamped.contains(#/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z three\n$/#))
        #expect(
          try await logs("-c nope").errors
            == "error: container nope is not valid for pod web-kube-master1\n")
        let prefixed = try await logs("--all-containers --prefix --tail=1").output
        #expect(prefixed.contains("[pod/web-kube-master1/other] other\n"))
        let none = try await logs("-c main --previous")
        #expect(none.code == 1)
        #expect(
          none.errors
            == "Error from server (BadRequest): previous terminated container \"main\" in pod "
            + "\"web-kube-master1\" not found\n")
        try await kubectl.following("logs -f web-kube-master1 -n kube-system -c main") { lines in
          try await eventually("what was said is there") { lines() == ["one", "two", "three"] }
        }
        #expect(
          try await kubectl.output("get --raw /api/v1/nodes/kube-master1/proxy/pods")
            .contains("\"web-kube-master1\""))
      }
    }
  }
}

/// A real fake-kubelet with one pod.
enum RealKubelet {
  /// Runs the body while the kubelet runs the pod and posts it, then ends both.
  /// - Parameter runtime: `process` or `pretend`.
  static func run(
    node: String, server: Caller, runtime: String, _ manifest: String,
    _ body: @escaping @Sendable () async throws -> Void
  ) async throws {
    // A short path, since sockets are below it.
    let directory = "/tmp/zm-\(UInt32.random(in: 0...UInt32.max))"
    for name in ["m", "r"] {
      try FileManager.default.createDirectory(
        atPath: "\(directory)/\(name)", withIntermediateDirectories: true)
    }
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try Data(manifest.utf8).write(to: URL(filePath: "\(directory)/m/web.yaml"))
    try await Programs.run(
      "fake-kubelet",
      [
        "--config=\(directory)/m", "--hostname-override=\(node)", "--read-only-port=0", "--port=0",
        "--container-runtime=\(runtime)", "--root-dir=\(directory)/r", "--log-dir=\(directory)",
        "--api-servers=\(server.url)",
      ],
      accepting: { $0.hasPrefix("fake-kubelet: port ") }
    ) { _ in try await body() }
  }
}
