import AsyncHTTPClient
import HTTPEndpoint
import KubernetesObjects
import NIOCore
import NIOSSL

/// A client of the node's kubelet.
///
/// Source: kubelet; `/runningpods/` lists running pods, `/pods` the desired ones with their status.
public struct Kubelet: Sendable {
  /// For example `https://127.0.0.1:10250`.
  public let url: String
  /// For an `https` URL.
  private let tls: ClientTLS?
  private let verifiesServer: Bool

  /// - Parameters:
  ///   - tls: the authorities and our certificate; `nil` for the system's authorities.
  ///   - verifiesServer: whether to verify its certificate. Many kubelets sign their own, for another name
  ///     than `127.0.0.1`.
  ///   - url: for example `http://127.0.0.1:10255`.
  public init(url: String, tls: ClientTLS? = nil, verifiesServer: Bool = true) {
    self.url = url
    self.tls = tls
    self.verifiesServer = verifiesServer
  }

  /// Why it does not answer; `nil` when it does.
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

  /// The pod's state now; `nil` when the kubelet does not answer.
  func observe(_ pod: ElectedPod) async -> PodObservation? {
    guard let isRunning = try? await self.runs(pod) else { return nil }
    let desired = try? await self.pods(pod, at: "/pods")
    return PodObservation(
      isRunning: isRunning, restarts: desired?.reduce(0) { $0 + Self.restarts($1) } ?? 0,
      containers: desired?.count == 1 ? desired?.first.map { Self.containers($0) } ?? [] : [])
  }

  /// Each main container's present run; empty unless all of them run.
  private static func containers(_ pod: JSONValue) -> [String] {
    let statuses = pod["status"]?["containerStatuses"]?.elements ?? []
    let runs = statuses.compactMap { status -> String? in
      guard let name = status["name"]?.string,
        let since = status["state"]?["running"]?["startedAt"]?.string
      else { return nil }
      return "\(name) \(status["containerID"]?.string ?? "") \(since)"
    }
    guard let uid = pod["metadata"]?["uid"]?.string, runs.count == statuses.count else { return [] }
    return runs.map { "\(uid) \($0)" }
  }

  private static func restarts(_ pod: JSONValue) -> Int {
    ["containerStatuses", "initContainerStatuses"]
      .flatMap { pod["status"]?[$0]?.elements ?? [] }
      .reduce(0) { $0 + Int($1["restartCount"]?.integer ?? 0) }
  }

  /// Whether the pod runs or is desired: between the end of one pod and the start of the next, a kubelet
  /// runs none.
  func lists(_ pod: ElectedPod) async throws -> Bool {
    if try await self.runs(pod) { return true }
    // A kubelet need not serve both paths.
    return (try? await self.pods(pod, at: "/pods").isEmpty) == false
  }

  private func runs(_ pod: ElectedPod) async throws -> Bool {
    try await !self.pods(pod, at: "/runningpods/").isEmpty
  }

  private func pods(_ pod: ElectedPod, at path: String) async throws -> [JSONValue] {
    let list = try await self.list(path)
    func named(node: String?) -> [JSONValue] {
      list.filter {
        let metadata = $0.metadata
        return pod.isNamed(
          metadata.name, in: metadata.namespace.isEmpty ? "default" : metadata.namespace, node: node
        )
      }
    }
    let found = named(node: nil)
    if found.isEmpty { return [] }
    // `etcd-backup` is not `etcd` on a node; only `/pods` names the node.
    if let node = Self.node(of: list) { return named(node: node) }
    guard path != "/pods", let node = Self.node(of: (try? await self.list("/pods")) ?? []) else {
      return found
    }
    return named(node: node)
  }

  /// The node of a kubelet, by its pods.
  private static func node(of pods: [JSONValue]) -> String? {
    pods.lazy.compactMap { $0["spec"]?["nodeName"]?.string }.first { !$0.isEmpty }
  }

  private func list(_ path: String) async throws -> [JSONValue] {
    var request = HTTPClientRequest(url: self.url + path)
    if self.url.hasPrefix("https:") {
      var configuration = self.tls?.configuration() ?? .makeClientConfiguration()
      if !self.verifiesServer { configuration.certificateVerification = .none }
      request.tlsConfiguration = configuration
    }
    let response = try await HTTPClient.direct.execute(request, timeout: .seconds(1))
    guard response.status == .ok else {
      throw KubeletError(path: path, status: response.status.code)
    }
    let body = try await response.body.collect(upTo: 16 << 20)
    let list = try JSONValue(parsing: Array(body.readableBytesView))
    let pods = list["items"]?.elements ?? []
    // Anything else is no evidence that a pod has ended.
    guard list.kind == "object", [nil, "null", "array"].contains(list["items"]?.kind),
      pods.allSatisfy({ pod in
        pod["metadata"]?["name"]?.string != nil
          && [nil, "null", "string"].contains(pod["metadata"]?["namespace"]?.kind)
      })
    else { throw KubeletError(path: path, status: response.status.code) }
    return pods
  }
}

extension HTTPClient {
  /// Follows no redirect: another server's answer is no evidence of what this one does. It is never shut down.
  package static let direct = HTTPClient(
    eventLoopGroupProvider: .singleton,
    configuration: Configuration(redirectConfiguration: .disallow))
}

/// A kubelet's answer that is not a list of pods.
private struct KubeletError: Error, CustomStringConvertible {
  var path: String
  var status: UInt

  var description: String {
    switch self.status {
    case 401, 403:
      "\(self.path) answers \(self.status): use a client certificate with the right to get nodes/proxy"
    case 200: "\(self.path) answers with no list of pods"
    default: "\(self.path) answers \(self.status)"
    }
  }
}
