import Foundation
import Logging
import Synchronization
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// The recipe's manifests and bad ones, each with the verdict of a real kubelet.
enum Fixtures {
  static let node = PodManifest.Node(name: "kube-master1", allowsPrivileged: true)

  static let clock = WallClock(
    secondsAtStart: 1_795_430_106, nanosecondsAtStart: 269_359_600)

  static func directory(_ name: String) throws -> URL {
    try #require(Bundle.module.resourceURL).appending(path: "Manifests/\(name)")
  }

  /// A small pod.
  static func pod(
    _ name: String = "web", uid: String? = nil, image: String = "nginx:1",
    annotations: [String: String] = [:], spec: String = ""
  ) -> String {
    let uid = uid.map { "\n  uid: \($0)" } ?? ""
    let annotations = annotations.sorted { $0.key < $1.key }
      .map { "    \($0.key): \($0.value)\n" }.joined()
    return """
      apiVersion: v1
      kind: Pod
      metadata:
        name: \(name)\(uid)
        annotations:
      \(annotations)
      spec:
        containers:
        - name: main
          image: \(image)
      \(spec)
      """
  }

  /// A small pod, read.
  static func manifest(
    uid: String? = nil, image: String = "nginx:1", annotations: [String: String] = [:],
    spec: String = ""
  ) throws(ManifestError) -> PodManifest {
    try Self.manifest(Self.pod(uid: uid, image: image, annotations: annotations, spec: spec))
  }

  static func manifest(
    _ text: String, path: String = "/m/a.yaml", node: PodManifest.Node = Self.node
  ) throws(ManifestError) -> PodManifest {
    try PodManifest(decoding: Array(text.utf8), path: path, node: node)
  }
}

extension KubeletInstant {
  /// That many seconds after the kubelet's start.
  static func at(_ seconds: Double) -> Self {
    Self(sinceStart: .milliseconds(Int64(seconds * 1000)))
  }
}

extension [PodWorkers.Effect] {
  /// The first container that these start.
  var started: ContainerID? {
    self.lazy.compactMap { if case .startContainer(let id, _) = $0 { id } else { nil } }.first
  }
}

/// Records log lines.
final class LogCapture: LogHandler {
  private let lines = Mutex<[String]>([])

  var metadata: Logger.Metadata {
    get { [:] }
    set {}
  }
  var logLevel: Logger.Level {
    get { .trace }
    set {}
  }

  subscript(metadataKey _: String) -> Logger.Metadata.Value? {
    get { nil }
    set {}
  }

  func log(event: LogEvent) {
    let pairs = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0)=\($1)" }
    self.lines.withLock { $0.append("\(event.message)\(pairs.joined())") }
  }

  func lines(containing text: String) -> [String] {
    self.lines.withLock { $0.filter { $0.contains(text) } }
  }

  var logger: Logger { Logger(label: "test") { _ in self } }
}

/// Creates a directory while `body` runs.
func withDirectory<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
  let directory = FileManager.default.temporaryDirectory
    .appending(path: "fake-kubelet-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: directory) }
  return try await body(directory)
}
