import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import Yams

/// What the elector has to know of the pod in a manifest to see it end.
struct ElectedPod: Equatable, Sendable {
  var name: String
  var namespace: String
  /// How long the pod may take to stop.
  var gracePeriod: Duration

  /// Reads the few fields that matter; a kubelet is the judge of the rest.
  /// - Returns: `nil` when it is no YAML or has no name.
  init?(manifest: [UInt8]) {
    let text = String(decoding: manifest, as: UTF8.self)
    guard let root = try? Yams.compose(yaml: text), let name = root["metadata"]?["name"]?.string
    else { return nil }
    self.name = name
    self.namespace = root["metadata"]?["namespace"]?.string ?? "default"
    self.gracePeriod = .seconds(root["spec"]?["terminationGracePeriodSeconds"]?.int ?? 30)
  }

  /// A kubelet appends its node's name to a static pod's.
  func isNamed(_ name: String, in namespace: String) -> Bool {
    namespace == self.namespace && (name == self.name || name.hasPrefix(self.name + "-"))
  }
}

/// The node's kubelet, as far as the elector asks it something.
///
/// Source: kubelet, `/runningpods/`: what runs, while `/pods` lists what is desired.
struct Kubelet: Sendable {
  /// For example `http://127.0.0.1:10250`.
  let url: String

  private struct PodList: Decodable {
    struct Pod: Decodable {
      struct Metadata: Decodable {
        var name: String
        var namespace: String?
      }
      var metadata: Metadata
    }
    var items: [Pod]?
  }

  /// The kubelet notices that a file is gone within this, and asks the runtime.
  private static let slack = Duration.seconds(5)

  /// Waits until the pod no longer runs, at most for its grace period and a little more.
  /// - Returns: `podOverdue` when it is still listed then, else `podEnded`, also when the kubelet
  ///   cannot be asked: after that time it has killed the pod, or is itself gone.
  func awaitEnd(of pod: ElectedPod) async -> Election.Event {
    let deadline = ContinuousClock.now + pod.gracePeriod + Self.slack
    var absences = 0
    var isListed = false
    // Twice, since a pod of which the kubelet had just read the file may only now begin.
    while absences < 2 {
      if let isRunning = try? await self.runs(pod) {
        isListed = isRunning
        absences = isRunning ? 0 : absences + 1
      }
      guard ContinuousClock.now < deadline else { return isListed ? .podOverdue : .podEnded }
      guard (try? await Task.sleep(for: .milliseconds(50))) != nil else { return .podEnded }
    }
    return .podEnded
  }

  private func runs(_ pod: ElectedPod) async throws -> Bool {
    let response = try await HTTPClient.shared.execute(
      HTTPClientRequest(url: self.url + "/runningpods/"), timeout: .seconds(1))
    guard response.status == .ok else { throw HTTPClientError.cancelled }
    let body = try await response.body.collect(upTo: 16 << 20)
    let list = try JSONDecoder().decode(PodList.self, from: Data(body.readableBytesView))
    return (list.items ?? []).contains {
      pod.isNamed($0.metadata.name, in: $0.metadata.namespace ?? "default")
    }
  }
}
