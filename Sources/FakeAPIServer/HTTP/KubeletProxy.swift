import AsyncHTTPClient
import Hummingbird
import KubernetesClient
import KubernetesObjects
import NIOCore

/// Asks nodes' kubelets, for those who ask this server.
struct KubeletProxy: Sendable {
  /// `--kubelet-url`, by the nodes' names.
  let urls: [String: String]
  /// `--kubelet-port`.
  let port: Int

  /// Where a node's kubelet is: as the server was told, as its Node object says, as a pod's status says, or at
  /// the node's name.
  /// - Parameters:
  ///   - node: `nil` when there is no such object: a master's kubelet need not register.
  func url(ofNode name: String, node: JSONValue?, hostIP: String?) -> String {
    if let url = self.urls[name] { return url }
    let status = node?["status"]
    let address = status?["addresses"]?.elements.first { $0["type"] == "InternalIP" }?["address"]
    let port = status?["daemonEndpoints"]?["kubeletEndpoint"]?["Port"]?.integer ?? Int64(self.port)
    let host = address?.string ?? hostIP ?? name
    return "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
  }

  /// Passes on what a kubelet answers, as it comes, for as long as somebody reads it.
  /// - Throws: 500 when it cannot be asked, else what it says.
  func pass(_ url: String, to request: Request) async throws(APIFailure) -> Response {
    let answer: HTTPClientResponse
    do {
      // A log that says nothing for long is no reason to end it: this client waits.
      answer = try await APIServer.http.execute(HTTPClientRequest(url: url), timeout: .seconds(60))
    } catch {
      throw .internalError("Get \"\(url)\": \(error)")
    }
    guard answer.status == .ok else {
      let body = try? await answer.body.collect(upTo: 1 << 16)
      let text = body.map { String(buffer: $0) } ?? ""
      let message = String(text.reversed().drop { $0.isNewline }.reversed())
      throw APIFailure.kubelet(code: Int(answer.status.code), message)
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
  /// What a container has written. Source: `registry/core/pod/strategy.go` LogLocation.
  func log(_ call: Call, _ request: Request) async throws(APIFailure) -> Response {
    guard request.method == .get, let namespace = call.place.namespace, let name = call.place.name
    else {
      throw .methodNotAllowed
    }
    let pod = try await self.objects.get(.pods, namespace, name)
    let container = try PodLog.container(of: pod, wanted: call.query["container"])
    guard let node = pod["spec"]?["nodeName"]?.string, !node.isEmpty else {
      // Nobody runs it yet, so that there is nothing to see.
      return Self.text("")
    }
    try PodLog.checkRuns(pod, container, isPrevious: call.isTrue("previous"))
    let options = [
      "follow", "tailLines", "previous", "sinceSeconds", "sinceTime", "timestamps", "limitBytes",
    ].compactMap { option in call.query[option].map { (name: option, value: $0) } }
    let url = self.kubelets.url(
      ofNode: node, node: try await self.node(node), hostIP: pod["status"]?["hostIP"]?.string)
    let path = "/containerLogs/\(namespace)/\(name)/\(container)"
    return try await self.kubelets.pass(
      url + APIRequest("GET", path, query: options).target, to: request)
  }

  /// `/api/v1/nodes/NODE/proxy/…`: what its kubelet says.
  func proxy(_ call: Call, _ request: Request) async throws(APIFailure) -> Response {
    guard request.method == .get, let name = call.place.name else { throw .methodNotAllowed }
    let node = try await self.objects.get(.nodes, nil, name)
    let query = call.query.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    let url = self.kubelets.url(ofNode: name, node: node, hostIP: nil)
    return try await self.kubelets.pass(
      url + APIRequest("GET", "/\(call.place.rest)", query: query).target, to: request)
  }

  private func node(_ name: String) async throws(APIFailure) -> JSONValue? {
    do throws(APIFailure) {
      return try await self.objects.store.get(.nodes, nil, name).object
    } catch {
      guard error.code == 404 else { throw error }
      return nil
    }
  }
}

/// The rules of `pods/log`.
enum PodLog {
  /// - Throws: 400 when there is no such container, or when one has to be chosen.
  static func container(of pod: JSONValue, wanted: String?) throws(APIFailure) -> String {
    let name = pod["metadata"]?["name"]?.string ?? ""
    func names(_ field: String) -> [String] {
      (pod["spec"]?[field]?.elements ?? []).compactMap { $0["name"]?.string }
    }
    let (main, initial) = (names("containers"), names("initContainers"))
    if let wanted, !wanted.isEmpty {
      guard (main + initial).contains(wanted) else {
        throw .badRequest("container \(wanted) is not valid for pod \(name)")
      }
      return wanted
    }
    if main.count == 1, initial.isEmpty { return main[0] }
    let hint =
      initial.isEmpty ? "" : " or one of the init containers: [\(initial.joined(separator: " "))]"
    throw .badRequest(
      "a container name must be specified for pod \(name), choose one of: [\(main.joined(separator: " "))]\(hint)"
    )
  }

  /// - Throws: 400 when the container has never run.
  static func checkRuns(
    _ pod: JSONValue, _ container: String, isPrevious: Bool
  ) throws(APIFailure) {
    let statuses = ["containerStatuses", "initContainerStatuses"].flatMap {
      pod["status"]?[$0]?.elements ?? []
    }
    guard let status = statuses.first(where: { $0["name"]?.string == container }) else { return }
    let name = pod["metadata"]?["name"]?.string ?? ""
    let hasRun = status["lastState"]?["terminated"] != nil
    if isPrevious, !hasRun {
      throw .badRequest(
        "previous terminated container \"\(container)\" in pod \"\(name)\" not found")
    }
    if let waiting = status["state"]?["waiting"], !hasRun {
      throw .badRequest(
        "container \"\(container)\" in pod \"\(name)\" is waiting to start: \(waiting["reason"]?.string ?? "")"
      )
    }
  }
}

extension APIFailure {
  /// A kubelet's refusal, in its own words.
  static func kubelet(code: Int, _ message: String) -> Self {
    Self(
      code: code, reason: code == 404 ? "NotFound" : code == 400 ? "BadRequest" : "InternalError",
      message: message)
  }
}
