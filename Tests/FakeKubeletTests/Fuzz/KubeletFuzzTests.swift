import Foundation
import HTTPListening
import Linux
import SeededRandom
import TestSupport
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// Whatever a file in the manifest directory holds, and whatever a request for a log asks for, is taken or refused.
///
/// `Corpus/` has the inputs that every run plays first; see `Fuzzer`.
@Suite(.takesTurns, .timeLimit(.minutes(60))) struct KubeletFuzzTests {
  private static func corpus(_ name: String) -> URL {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus/\(name)")
  }

  /// A manifest takes a hundred times as long as a target.
  private static let manifestCount = Fuzzer.count == 20_000 ? 500 : Fuzzer.count

  @Test func anyManifestIsTakenOrRefused() async throws {
    try await onThreadOfItsOwn {
      try Fuzzer(corpus: Self.corpus("manifests")) { Self.play(manifest: $0) }
        .run(count: Self.manifestCount) { Fuzzer.mutated(Self.manifests, with: Self.pieces, &$0) }
    }
  }

  @Test func anyRequestForALogIsTakenOrRefused() async throws {
    try await onThreadOfItsOwn {
      try Fuzzer(corpus: Self.corpus("logs")) { Self.play(log: $0) }
        .run { Fuzzer.mutated(Self.logs, with: Self.logPieces, &$0) }
    }
  }

  // MARK: Manifests

  private static let manifests = [
    Fixtures.pod(), Fixtures.pod("a", uid: "x", annotations: ["k": "v"]),
    Fixtures.pod(
      spec: """
            ports: [{containerPort: 80, hostPort: 0x50, name: web}]
            env: [{name: A, value: "1"}, {name: B, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
            resources: {limits: {cpu: 0.5, memory: 1Gi}}
            livenessProbe: {httpGet: {path: /, port: web}, periodSeconds: 1e1}
            volumeMounts: [{name: v, mountPath: /v, subPath: a/b}]
          volumes: [{name: v, hostPath: {path: /srv}}, &x {name: e, emptyDir: {}}]
          tolerations: [*x]
        """),
    #"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"j"},"spec":{"containers":[{"name":"c","image":"i","command":["a"]}]}}"#,
    "%YAML 1.1\n---\nkind: Pod\nmetadata: {name: y, uid: !!str 1}\nspec: {containers: [{name: c, image: i}]}\n...\n",
  ]
  private static let pieces = [
    "\n", "\n  ", "\n- ", ": ", "{", "}", "[", "]", ",", "\"", "'", "&x ", "*x", "<<: ",
    "!!binary ", "!!int ", "| \n",
    "> \n", "#", "---\n", "...\n", "%YAML 1.2\n", "null", "~", "yes", ".inf", "1e999", "-0", "0x1",
    "1_0", "\u{FEFF}",
    "\u{0}", "\\ud800", "\\u0000", "..", "/", "../../victim", "metadata", "uid: ", "name: ",
    "spec: ",
    "9223372036854775808", "annotations: ", "hostNetwork: true", "\t", "🦭", "é",
  ]

  private static func play(manifest bytes: [UInt8]) -> Fuzzer.Outcome {
    do throws(ManifestText.Unreadable) {
      let value = try ManifestText.value(of: bytes)
      let written = value.utf8
      guard (try? JSONValue(parsing: written)) == value else {
        return .init(problem: "written and read it is another value")
      }
    } catch {
      return .init(reached: ["unreadable"])
    }
    var reached: Set<String> = []
    for release in [26, 32] {
      let node = PodManifest.Node(
        name: "n", kubeletVersion: KubeletVersion("v1.\(release).0"))
      do throws(ManifestError) {
        let pod = try PodManifest(decoding: bytes, path: "/manifests/p.yaml", node: node)
        reached.insert("accepted-\(release)")
        let log = ContainerLogFile(
          pod: pod.name, uid: pod.uid, container: pod.containers[0].name, attempt: 0)
        guard PathComponent(pod.uid) != nil, log.path != nil else {
          return .init(problem: "a name that is no step of a path: \(pod.uid), \(pod.name)")
        }
      } catch {
        reached.insert("refused-\(error.stage)-\(release)")
        if error.problems.isEmpty { return .init(problem: "refused without a problem") }
      }
    }
    return .init(reached: reached)
  }

  // MARK: Logs

  private static let logs = [
    "/logs/pods/default_web_1/main/0.log", "/logs/../../etc/passwd", "/logs/%2e%2e/x", "/logs/",
    "/containerLogs/default/web/main?tailLines=10&follow=true",
    "/containerLogs/default/web/main?sinceTime=2026-11-30T06:35:05Z&timestamps=1",
    "/containerLogs/default/web/main?limitBytes=1&sinceSeconds=9&previous",
  ]
  private static let logPieces = [
    "/", "..", ".", "%2F", "%2e", "%00", "%", "+", "&", "=", "?", "#", "\u{0}", "\n", "é", "tail=",
    "tailLines=",
    "-1", "9223372036854775807", "9223372036854775808", "sinceTime=", "sinceSeconds=", "follow=",
    "1969-12-31T23:59:60Z",
    String(repeating: "a", count: 256),
  ]

  private static func play(log bytes: [UInt8]) -> Fuzzer.Outcome {
    let target = String(decoding: bytes, as: UTF8.self)
    let halves = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    var reached: Set<String> = []
    let path = (halves.first.map(String.init) ?? "").removingPercentEncoding ?? ""
    if let steps = PathComponent.steps(
      of: path.split(separator: "/").dropFirst().joined(separator: "/"))
    {
      reached.insert("path-\(min(steps.count, 5))")
      for step in steps
      where ["", ".", ".."].contains(step.description) || step.description.contains("/") {
        return .init(problem: "a step that leads elsewhere: \(step)")
      }
    } else {
      reached.insert("path-refused")
    }
    let query = FormQuery(halves.count == 2 ? String(halves[1]) : nil)
    let options = ContainerLogOptions(
      query: query.parameters.map { ($0.name, $0.value) }, now: Fixtures.clock)
    reached.insert(options == nil ? "options-refused" : "options")
    if let options {
      guard options.tailLines ?? 0 >= 0, options.limitBytes ?? 1 >= 1 else {
        return .init(problem: "\(options)")
      }
      if let since = options.since, KubernetesTime.seconds(of: since) == nil {
        return .init(problem: "a time that cannot be read: \(since)")
      }
    }
    return .init(reached: reached)
  }
}
