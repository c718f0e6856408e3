import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import Yams

/// What the elector has to know of the pod in a manifest to see it end.
struct ElectedPod: Equatable, Sendable {
  var name: String
  var namespace: String
  /// G: how long a kubelet may take to kill it.
  var grace: Duration

  /// A kubelet leaves no container less than this, neither when it stops nor after a preStop hook.
  private static let leastGrace: Int64 = 2

  /// Reads the few fields that matter; a kubelet is the judge of the rest.
  /// - Returns: `nil` when it is no YAML or has no name.
  init?(manifest: [UInt8]) {
    let text = String(decoding: manifest, as: UTF8.self)
    guard let root = try? Yams.compose(yaml: text), let name = root["metadata"]?["name"]?.string
    else { return nil }
    self.name = name
    self.namespace = root["metadata"]?["namespace"]?.string ?? "default"
    let spec = root["spec"]
    let grace: Duration =
      spec?["terminationGracePeriodSeconds"]?.int.map { .seconds(max(Int64($0), Self.leastGrace)) }
      ?? PodStop.defaultGrace
    let containers = ["containers", "initContainers"].flatMap { spec?[$0]?.array() ?? [] }
    let hasHook = containers.contains { $0["lifecycle"]?["preStop"] != nil }
    self.grace = grace + (hasHook ? .seconds(Self.leastGrace) : .zero)
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

  /// For so much longer than it should a pod may be listed before it counts as one that does not end.
  private static let patience = Duration.seconds(5)

  /// Waits until the pod, whose manifest is gone, no longer runs.
  ///
  /// That it is not listed tells nothing by itself: the kubelet may have read the file and be about to
  /// start it. It has ended when it was listed before, or when the kubelet has noticed by now that the
  /// file is gone.
  /// - Returns: whether it has ended: `true` also when the kubelet cannot be asked, and has by all
  ///   that is known killed it by now; `false` when it is still listed although its time is over.
  func awaitEnd(of pod: ElectedPod, detection: Duration) async -> Bool {
    let start = ContinuousClock.now
    let killed = start + detection + pod.grace
    var absences = 0
    var wasListed = false
    while true {
      if let isRunning = try? await self.runs(pod) {
        if isRunning {
          (wasListed, absences) = (true, 0)
        } else if wasListed || ContinuousClock.now >= start + detection {
          // Twice: between two containers of a pod that just starts there may be a moment.
          absences += 1
          if absences == 2 { return true }
        }
      }
      let now = ContinuousClock.now
      if !wasListed, now >= killed { return true }
      if now >= killed + Self.patience { return absences > 0 }
      guard (try? await Task.sleep(for: .milliseconds(50))) != nil else { return false }
    }
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
