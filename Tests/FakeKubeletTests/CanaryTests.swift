import AsyncHTTPClient
import Foundation
import Glibc
import KubernetesObjects
import SeededRandom
import Subprocess
import TestSupport
import Testing

@testable import FakeKubelet

/// A tree beside the kubelet's own, which runs as root: whatever manifests, containers and requests name, no file of the
/// tree is read, made, changed or removed.
@Suite(.whereContainersRun, .takesTurns, .timeLimit(.minutes(10)))
struct CanaryTests {
  private typealias Place = ProcessRuntimeTests.Place
  private static let secret = "what-nobody-may-read"

  @Test func nothingOutsideIsTouched() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      let canary = place.directory.appending(path: "canary")
      try FileManager.default.createDirectory(
        at: canary.appending(path: "inner"), withIntermediateDirectories: true)
      for name in ["secret", "inner/0.log"] {
        try Data(Self.secret.utf8).write(to: canary.appending(path: name))
      }
      let before = Self.tree(canary)
      let manifests = Self.manifests(canary.path)
      for (number, manifest) in manifests.enumerated() {
        try place.write("\(number).yaml", manifest)
      }
      let status = try await place.withProgram { url, stop in
        try await eventually("each pod has run, or cannot") {
          let pods = try await Self.get(url + "/pods").pods
          return pods.contains { $0.metadata.name == "last-n1" }
            && pods.allSatisfy { !$0.description.contains("ContainerCreating") }
            && pods.allSatisfy { $0["status"]?["containerStatuses"]?.elements.isEmpty == false }
        }
        let pods = try await Self.get(url + "/pods").pods
        #expect(pods.count > 10, "too few of \(manifests.count) were accepted to show anything")
        for path in Self.paths(canary.path) {
          #expect(!(try await Self.get(url + path).text.contains(Self.secret)), "\(path)")
        }
        for pod in pods {
          let path = "/containerLogs/\(pod.metadata.namespace)/\(pod.metadata.name)/c"
          let log = try await Self.get(url + path).text
          #expect(!log.contains(Self.secret), "\(pod)")
          if pod.metadata.name == "last-n1" { #expect(log.contains("has tried")) }
        }
        for number in manifests.indices {
          try FileManager.default.removeItem(at: place.manifests.appending(path: "\(number).yaml"))
        }
        try await eventually("no pod is left") {
          try await Self.get(url + "/pods").pods.isEmpty && place.leftovers.isEmpty
        }
        try stop()
      }
      #expect(status == .exited(0))
      #expect(Self.tree(canary) == before)
      let beside = try FileManager.default.contentsOfDirectory(atPath: place.directory.path)
      #expect(Set(beside) == ["canary", "h", "m", "r"])
    }
  }

  // MARK: What is tried

  private static func manifests(_ canary: String) -> [String] {
    let up = String(repeating: "../", count: 8)
    let names = [
      "..", ".", "../../canary", "../canary", "\(up)\(canary.dropFirst())", canary,
      "a/../../../canary",
      "..%2f..%2fcanary", "....//canary", "canary\\0", "canary\\n",
      String(repeating: "x", count: 300),
    ].map { "\"\($0)\"" }
    let paths = [
      "/..\(canary)", "/v/../..\(canary)", "/oldroot\(canary)", "/proc/1/root\(canary)", canary,
      "/proc/self/cwd/\(up)tmp",
      "/", "/..", ".", "v",
    ].map { "\"\($0)\"" }
    var manifests: [String] = []
    func add(_ metadata: String = "", container: String = "", spec: String = "", name: String = "c")
    {
      let number = manifests.count
      let metadata = metadata.contains("name:") ? metadata : "name: p\(number), \(metadata)"
      manifests.append(
        """
        apiVersion: v1
        kind: Pod
        metadata: {\(metadata)}
        spec:
          restartPolicy: Never
          terminationGracePeriodSeconds: 1
          volumes: [{name: v, emptyDir: {}}\(spec)]
          containers:
          - name: \(name)
            image: none
            command: [sh, -c, \(Self.script(canary))]
        \(container.isEmpty ? "" : "    \(container)")
        """)
    }
    for name in names {
      add("uid: \(name)")
      add("name: \(name)")
      add("namespace: \(name)")
      add(name: name)
      add(container: "volumeMounts: [{name: v, mountPath: /v, subPath: \(name)}]")
      add(
        container:
          "env: [{name: N, value: \(name)}]\n    volumeMounts: [{name: v, mountPath: /v, subPathExpr: $(N)}]"
      )
      add(
        container: "volumeMounts: [{name: \(name), mountPath: /v}]",
        spec: ", {name: \(name), emptyDir: {}}")
    }
    for path in paths {
      add(container: "volumeMounts: [{name: v, mountPath: \(path)}]")
      add(container: "workingDir: \(path)")
      add(container: "terminationMessagePath: \(path)")
    }
    add("name: last")
    return manifests
  }

  /// What a container tries from inside.
  private static func script(_ canary: String) -> String {
    let roots = [
      "", "/oldroot", "/proc/1/root", "/proc/self/root/..", "/..", "/proc/1/cwd", "/v/../..",
    ]
    let tries = roots.map { root in
      let tree = "\(root)\(canary)"
      return "cat \(tree)/secret; echo made > \(tree)/made; mkdir \(tree)/dir; rm -r \(tree)/inner"
    }
    return "'(\(tries.joined(separator: "; "))) 2>&1; echo has tried'"
  }

  /// What a request for a file or a log tries.
  private static func paths(_ canary: String) -> [String] {
    let ups = ["..", "%2e%2e", "..%2f..", "%252e%252e", ".%2e", "..%5c.."]
    return ups.flatMap { up in
      (1..<7).flatMap { depth -> [String] in
        let steps = Array(repeating: up, count: depth).joined(separator: "/")
        return [
          "/logs/\(steps)\(canary)/secret", "/logs/pods/\(steps)/canary/secret",
          "/logs/\(steps)/canary/secret",
          "/containerLogs/\(steps)/canary/inner", "/containerLogs/default/\(steps)/c",
          "/containerLogs/default/last-n1/\(steps)%2fcanary%2finner",
        ]
      }
    } + ["/logs/\(canary)/secret", "/logs//\(canary)/secret", "/logs/canary"]
  }

  // MARK: The kubelet

  private struct Answer {
    let text: String
    var pods: [JSONValue] {
      (try? JSONValue(parsing: Array(self.text.utf8)))?["items"]?.elements ?? []
    }
  }

  private static func get(_ url: String) async throws -> Answer {
    let answer = try await HTTPClient.shared.execute(
      HTTPClientRequest(url: url), timeout: .seconds(60))
    return Answer(text: String(buffer: try await answer.body.collect(upTo: 16 << 20)))
  }

  /// Each entry with its type, mode, owner, size, time of its last change and contents.
  private static func tree(_ root: URL) -> [String] {
    let names =
      FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
    return ([""] + names).sorted().map { name in
      let path = root.appending(path: name).path
      var status = stat()
      lstat(path, &status)
      let contents = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      return
        "\(name) \(status.st_mode) \(status.st_uid) \(status.st_size) \(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec) \(contents)"
    }
  }
}
