import AsyncHTTPClient
import FoundationEssentials
import HTTPEndpoint
import NIOCore
import NIOSSL
import Yams

/// What the elector has to know of the pod in a manifest to see it end.
package struct ElectedPod: Equatable, Sendable {
  package var name: String
  package var namespace: String
  /// G: how long a kubelet may take to kill it.
  package var grace: Duration

  package init(name: String, namespace: String, grace: Duration) {
    self.name = name
    self.namespace = namespace
    self.grace = grace
  }

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
/// Source: kubelet, `/runningpods/`: what runs, while `/pods` lists what is desired, with its status.
public struct Kubelet: Sendable {
  /// For example `https://127.0.0.1:10250`.
  public let url: String
  /// For an `https` URL.
  private let tls: ClientTLS?
  private let verifiesServer: Bool

  /// - Parameters:
  ///   - tls: who may sign its certificate, and our own; `nil` for whom the system trusts.
  ///   - verifiesServer: whether its certificate is looked at; many kubelets sign their own, for a name
  ///     that is not `127.0.0.1`.
  public init(url: String, tls: ClientTLS? = nil, verifiesServer: Bool = true) {
    self.url = url
    self.tls = tls
    self.verifiesServer = verifiesServer
  }

  private struct PodList: Decodable {
    struct Pod: Decodable {
      struct Metadata: Decodable {
        var name: String
        var namespace: String?
      }
      struct Status: Decodable {
        struct Container: Decodable { var restartCount: Int? }
        var containerStatuses: [Container]?
        var initContainerStatuses: [Container]?
      }
      var metadata: Metadata
      var status: Status?

      var restarts: Int {
        [self.status?.containerStatuses, self.status?.initContainerStatuses]
          .flatMap { $0 ?? [] }.reduce(0) { $0 + ($1.restartCount ?? 0) }
      }
    }
    var items: [Pod]?
  }

  /// Waits until the pod, whose manifest is gone, no longer runs.
  /// - Parameter isOnlyOne: whether no pod of an earlier manifest can run.
  /// - Returns: whether it has ended, by what ``PodEndWatch`` makes of the kubelet's answers.
  func awaitEnd(of pod: ElectedPod, detection: Duration, isOnlyOne: Bool) async -> Bool {
    let start = ContinuousClock.now
    var watch = PodEndWatch(detection: detection, grace: pod.grace, isOnlyOne: isOnlyOne)
    while true {
      let isListed = try? await self.lists(pod)
      switch watch.heard(isListed: isListed, after: ContinuousClock.now - start) {
      case .ended: return true
      case .overdue: return false
      case .ask(let pause):
        guard (try? await Task.sleep(for: pause)) != nil else { return false }
      }
    }
  }

  /// Why it cannot be asked; `nil` when it can.
  func trouble() async -> String? {
    do {
      _ = try await self.list("/runningpods/")
      return nil
    } catch let error as KubeletError {
      return error.description
    } catch {
      return "\(error)"
    }
  }

  /// What it says of the pod now; `nil` when it does not say.
  func observe(_ pod: ElectedPod) async -> PodObservation? {
    guard let isRunning = try? await self.runs(pod) else { return nil }
    let desired = try? await self.pods(pod, at: "/pods")
    return PodObservation(
      isRunning: isRunning, restarts: desired?.reduce(0) { $0 + $1.restarts } ?? 0)
  }

  /// Whether it runs, or is yet to: a kubelet that starts one pod when another one has ended runs none
  /// in between.
  private func lists(_ pod: ElectedPod) async throws -> Bool {
    if try await self.runs(pod) { return true }
    // Not every kubelet that tells what runs has to tell this.
    return (try? await self.pods(pod, at: "/pods").isEmpty) == false
  }

  private func runs(_ pod: ElectedPod) async throws -> Bool {
    try await !self.pods(pod, at: "/runningpods/").isEmpty
  }

  private func pods(_ pod: ElectedPod, at path: String) async throws -> [PodList.Pod] {
    try await self.list(path).filter {
      pod.isNamed($0.metadata.name, in: $0.metadata.namespace ?? "default")
    }
  }

  private func list(_ path: String) async throws -> [PodList.Pod] {
    var request = HTTPClientRequest(url: self.url + path)
    if self.url.hasPrefix("https:") {
      var configuration = self.tls?.configuration() ?? .makeClientConfiguration()
      if !self.verifiesServer { configuration.certificateVerification = .none }
      request.tlsConfiguration = configuration
    }
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(1))
    guard response.status == .ok else {
      throw KubeletError(path: path, status: response.status.code)
    }
    let body = try await response.body.collect(upTo: 16 << 20)
    return try JSONDecoder().decode(PodList.self, from: Data(body.readableBytesView)).items ?? []
  }
}

/// A kubelet that answers, but not what was asked.
private struct KubeletError: Error, CustomStringConvertible {
  var path: String
  var status: UInt

  var description: String {
    switch self.status {
    case 401, 403:
      "\(self.path) answers \(self.status): it wants a client certificate that may get nodes/proxy"
    default: "\(self.path) answers \(self.status)"
    }
  }
}
