import AsyncHTTPClient
import Hummingbird
import KubernetesClient
import KubernetesObjects
import NIOCore
import NIOPosix

/// Forwards requests to the kubelets of nodes.
struct KubeletProxy: Sendable {
  /// `--kubelet-url`, by the nodes' names.
  let urls: [String: String]
  /// `--kubelet-port`.
  let port: Int
  let address: KubeletAddress

  /// The URL of a node's kubelet: from `--kubelet-url`, else from the Node object, else from a pod's status,
  /// else the node's name.
  /// - Parameter node: the Node object; `nil` when the kubelet has not registered.
  /// - Throws: 400 for an address at which the server does not ask.
  func url(
    ofNode name: String, node: JSONValue?, hostIP: String?
  ) async throws(APIFailure) -> String {
    if let url = self.urls[name] { return url }
    let status = node?["status"]
    let address = status?["addresses"]?.elements.first { $0["type"] == "InternalIP" }?["address"]
    let port = status?["daemonEndpoints"]?["kubeletEndpoint"]?["Port"]?.integer ?? Int64(self.port)
    let host = address?.string ?? hostIP ?? name
    // The request goes to the address that was looked at, not to what the name may be a moment later.
    guard let found = await Self.address(of: host) else {
      throw .internalError("dial tcp: lookup \(host): no such host")
    }
    guard self.address.allows(found) else {
      throw .badRequest(
        "node \"\(name)\": address not allowed: \(found); start the server with --allow-local-kubelets"
      )
    }
    return "http://\(found.contains(":") ? "[\(found)]" : found):\(port)"
  }

  private static func address(of host: String) async -> String? {
    if let literal = try? SocketAddress(ipAddress: host, port: 0) { return literal.ipAddress }
    return try? await NIOThreadPool.singleton.runIfActive {
      try SocketAddress.makeAddressResolvingHost(host, port: 0).ipAddress
    }
  }

  /// Streams a kubelet's answer to the client until the client closes the connection.
  /// - Throws: 500 when the kubelet does not answer, else the kubelet's refusal.
  func pass(_ url: String, to request: Request) async throws(APIFailure) -> Response {
    let answer: HTTPClientResponse
    do {
      // The timeout covers the answer's head alone: a log may be silent for long.
      answer = try await APIServer.http.execute(HTTPClientRequest(url: url), timeout: .seconds(60))
    } catch {
      throw .internalError("Get \"\(url)\": \(error)")
    }
    // A kubelet has no redirects, and its word is no reason to ask elsewhere.
    if (300..<400).contains(answer.status.code) {
      throw .internalError("Get \"\(url)\": the kubelet redirects, which is not followed")
    }
    guard answer.status == .ok else {
      let body = try? await answer.body.collect(upTo: 1 << 16)
      let text = body.map { String(buffer: $0) } ?? ""
      throw APIFailure.kubelet(code: Int(answer.status.code), text.trimmed(\.isNewline))
    }
    return Response(
      status: .ok,
      headers: [
        .contentType: answer.headers.first(name: "content-type") ?? "text/plain",
        .connection: "close",
      ],
      body: .init { writer in
        try await request.body.consumeWithCancellationOnInboundClose { _ in
          for try await part in answer.body { try await writer.write(part) }
          try await writer.finish(nil)
        }
      })
  }
}

extension APIRoutes {
  /// `pods/log`. Source: `registry/core/pod/strategy.go` LogLocation.
  func log(_ call: Call, _ request: Request) async throws(APIFailure) -> Response {
    guard request.method == .get, let namespace = call.place.namespace, let name = call.place.name
    else { throw .methodNotAllowed }
    let pod = try await self.objects.get(call.place.key(name))
    let container = try PodLog.container(of: pod, wanted: call.query["container"])
    guard let node = pod["spec"]?["nodeName"]?.string, !node.isEmpty else {
      // No node runs the pod yet, so it has no log.
      return Self.text("")
    }
    try PodLog.checkRuns(pod, container, isPrevious: call.isTrue("previous"))
    let options = [
      "follow", "tailLines", "previous", "sinceSeconds", "sinceTime", "timestamps", "limitBytes",
    ].compactMap { option in call.query[option].map { (name: option, value: $0) } }
    let url = try await self.kubelets.url(
      ofNode: node, node: try await self.node(node), hostIP: pod["status"]?["hostIP"]?.string)
    let path = "/containerLogs/\(namespace)/\(name)/\(container)"
    return try await self.kubelets.pass(
      url + APIRequest("GET", path, query: options).target, to: request)
  }

  /// `/api/v1/nodes/NODE/proxy/…`
  func proxy(_ call: Call, _ request: Request) async throws(APIFailure) -> Response {
    guard request.method == .get, let name = call.place.name else { throw .methodNotAllowed }
    let node = try await self.objects.get(call.place.key(name))
    let query = call.query.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    let url = try await self.kubelets.url(ofNode: name, node: node, hostIP: nil)
    return try await self.kubelets.pass(
      url + APIRequest("GET", "/\(call.place.rest)", query: query).target, to: request)
  }

  private func node(_ name: String) async throws(APIFailure) -> JSONValue? {
    do throws(APIFailure) {
      return try await self.objects.store.get(.init(.nodes, nil, name)).object
    } catch {
      guard error.code == 404 else { throw error }
      return nil
    }
  }
}
