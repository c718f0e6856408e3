import Foundation
import TestSupport
import Testing
import Yams

@testable import Elector

@Suite struct ManifestStampTests {
  private static let pod = """
    # A comment.
    apiVersion: v1
    kind: Pod
    metadata:
      name: s
      namespace: kube-system
    spec:
      initContainers:
      - name: i
        image: x
      containers:
      - name: a
        image: "1.10"
        command: ["/bin/sh", "-c", "a\\nb"]
        env:
        - name: FIRST
          value: "yes"
        - name: TOKEN
          value: old
      - name: b
        image: x
        livenessProbe:
          httpGet: {path: /healthz, port: 10251}
    """

  private static func stamp(
    annotates: Bool = true, variable: String? = "TOKEN", holder: String = "me"
  ) -> ManifestStamp {
    ManifestStamp(key: "scheduler", holder: holder, annotates: annotates, tokenVariable: variable)
  }

  private func stamped(_ text: String, _ stamp: ManifestStamp, term: UInt64 = 42) throws -> Node {
    let bytes = try stamp.applied(to: Array(text.utf8), term: term, source: "s.yaml")
    return try #require(try Yams.compose(yaml: String(decoding: bytes, as: UTF8.self)))
  }

  @Test(arguments: ["me", "yes", "12", "a: b #c", "\u{E9}\"'\\"])
  func tokenHolderAndKeyBecomeAnnotations(_ holder: String) throws {
    let root = try self.stamped(Self.pod, Self.stamp(holder: holder))
    let annotations = try #require(root["metadata"]?["annotations"]?.mapping)
    #expect(annotations.count == 3)
    for (name, value) in [("token", "42"), ("holder", holder), ("key", "scheduler")] {
      let node = try #require(annotations[Node(ManifestStamp.prefix + name)])
      #expect(node.scalar?.string == value)
      // Kubernetes accepts only strings.
      #expect(node.tag == Tag(.str) || node.scalar?.style == .doubleQuoted)
    }
    #expect(root["metadata"]?["name"]?.string == "s")
  }

  @Test func everyContainerGetsTheTokenFirst() throws {
    let root = try self.stamped(Self.pod, Self.stamp(annotates: false))
    #expect(root["metadata"]?["annotations"] == nil)
    let containers = ["initContainers", "containers"].flatMap {
      root["spec"]?[$0]?.array() ?? []
    }
    #expect(containers.map { $0["name"]?.string } == ["i", "a", "b"])
    for container in containers {
      #expect(container["env"]?[0]?["name"]?.string == "TOKEN")
      #expect(container["env"]?[0]?["value"]?.scalar?.string == "42")
      #expect(container["env"]?[0]?["value"]?.scalar?.style == .doubleQuoted)
    }
    #expect(containers[1]["env"]?.array().compactMap { $0["name"]?.string } == ["TOKEN", "FIRST"])
  }

  @Test func theRestStaysWhatItWas() throws {
    let root = try self.stamped(Self.pod, Self.stamp(variable: nil))
    let container = root["spec"]?["containers"]?[0]
    #expect(container?["image"]?.scalar?.style == .doubleQuoted)
    #expect(container?["command"]?[2]?.string == "a\nb")
    #expect(container?["env"]?[0]?["value"]?.scalar?.style == .doubleQuoted)
    #expect(root["spec"]?["containers"]?[1]?["livenessProbe"]?["httpGet"]?["port"]?.int == 10251)
  }

  @Test func jsonIsTakenToo() throws {
    let json = #"{"kind":"Pod","metadata":{"name":"s","annotations":{"a":"b"}},"spec":{}}"#
    let root = try self.stamped(json, Self.stamp())
    #expect(root["metadata"]?["annotations"]?["a"]?.string == "b")
    #expect(root["metadata"]?["annotations"]?["\(ManifestStamp.prefix)token"]?.string == "42")
  }

  @Test(arguments: ["a: [", "a: SECRET: [", "- a", "metadata: x", "just words"])
  func whatIsNoPodIsNamed(_ text: String) {
    let error = #expect(throws: ManifestError.self) {
      try Self.stamp().applied(to: Array(text.utf8), term: 1, source: "/k/s.yaml")
    }
    #expect(error?.description.hasPrefix("/k/s.yaml is not a pod that can be stamped: ") == true)
    #expect(error?.description.contains("SECRET") == false, "its lines are not for the log")
  }

  @Test func aSourceThatIsNoPodLeavesWhatIsInstalled() async throws {
    let fixture = try ManifestFixture()
    defer { fixture.cleanUp() }
    let file = ManifestFile(
      source: fixture.source.path, destination: fixture.destination.path, stamp: Self.stamp())
    #expect(await file.install(term: 7) == .installed)
    let installed = try #require(fixture.installed)
    #expect(installed.contains("\(ManifestStamp.prefix)token: \"7\""))
    try fixture.write("a: [")
    guard case .kept(let reason) = await file.install(term: 7) else {
      throw TestFailure("it was not kept")
    }
    #expect(reason.contains("is not a pod that can be stamped"))
    #expect(fixture.installed == installed)
  }

  @Test(arguments: [
    ("TOKEN", true), ("a.b-c_1", true), ("", false), ("1A", false), ("A B", false),
    ("..", false), ("..a", false),
  ])
  func variablesHaveNames(_ name: String, _ isOne: Bool) {
    #expect(ManifestStamp.isVariableName(name) == isOne)
  }
}
