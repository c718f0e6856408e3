import FakeKubelet
import Foundation
import Testing

@Suite struct PodsTests {
  // snippet: manifest
  static func manifest(stopAfter: String = "100ms") -> String {
    """
    apiVersion: v1
    kind: Pod
    metadata:
      name: web
      annotations:
        pretend.zweimaster.dev/stop-after: \(stopAfter)
    spec:
      containers:
      - name: web
        image: registry.example/web:1
    """
  }
  // end

  // snippet: appears
  @Test func `a manifest becomes a pod`() async throws {
    try await withDirectory { directory in
      try await FakeKubelet.withPods(of: directory, nodeName: "n1") { kubelet in
        try Self.manifest().write(
          toFile: "\(directory)/web.yaml", atomically: true, encoding: .utf8)
        for await change in kubelet.changes where change.pod.isReady { break }
        #expect(kubelet.pods.map(\.name.name) == ["web-n1"])
      }
    }
  }
  // end

  // snippet: goes
  @Test func `a pod whose manifest goes ends, and takes its time`() async throws {
    try await withDirectory { directory in
      let file = "\(directory)/web.yaml"
      try Self.manifest(stopAfter: "300ms").write(toFile: file, atomically: true, encoding: .utf8)
      try await FakeKubelet.withPods(of: directory, nodeName: "n1") { kubelet in
        for await change in kubelet.changes where change.pod.isReady { break }
        let removed = ContinuousClock.now
        try FileManager.default.removeItem(atPath: file)
        var wasEnding = false
        for await change in kubelet.changes {
          if change.pod.isEnding { wasEnding = true }
          if case .gone = change { break }
        }
        #expect(wasEnding)
        #expect(ContinuousClock.now - removed >= .milliseconds(300))
        #expect(kubelet.pods.isEmpty)
      }
    }
  }
  // end

  // snippet: refused
  @Test func `a manifest that the kubelet refuses becomes no pod`() async throws {
    try await withDirectory { directory in
      try await FakeKubelet.withPods(of: directory, nodeName: "n1") { kubelet in
        let wrong = Self.manifest().replacingOccurrences(of: "name: web", with: "name: WEB")
        try wrong.write(toFile: "\(directory)/wrong.yaml", atomically: true, encoding: .utf8)
        try Self.manifest().write(
          toFile: "\(directory)/web.yaml", atomically: true, encoding: .utf8)
        for await change in kubelet.changes where change.pod.isReady { break }
        #expect(kubelet.pods.map(\.name.name) == ["web-n1"])
      }
    }
  }
  // end
}

/// Runs the body with a directory, and removes it.
private func withDirectory(_ body: (String) async throws -> Void) async throws {
  let directory = FileManager.default.temporaryDirectory
    .appending(path: "pods-\(UUID().uuidString)").path
  try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: directory) }
  try await body(directory)
}
