import FoundationEssentials
import HTTPListening
import Hummingbird
import PrometheusText

/// Answers requests: which path is which handler. The verbs are in `APIRoutes+Verbs.swift`.
struct APIRoutes: Sendable {
  let objects: Objects
  let watches: Watches
  let kubelets: KubeletProxy
  let metrics: RequestCounts

  func respond(to request: Request) async -> Response {
    // A path with bad percent signs stays as it is.
    let path = request.uri.path.removingPercentEncoding ?? request.uri.path
    let response: Response
    do throws(APIFailure) {
      response = try await self.answer(request, path)
    } catch {
      response = Self.json(error.status, code: error.code)
    }
    self.metrics.count(method: request.method.rawValue, code: response.status.code)
    return response
  }

  private func answer(_ request: Request, _ path: String) async throws(APIFailure) -> Response {
    let accept = request.headers[.accept] ?? "*/*"
    switch path {
    case "/healthz/ping": return Self.text("ok")
    case "/healthz", "/livez", "/readyz":
      return await self.health(path, isVerbose: request.uri.queryParameters["verbose"] != nil)
    case "/metrics":
      return Self.bytes(
        Array(self.metrics.page(self.watches.counts).utf8), type: "\(MetricsPage.contentType)")
    default: break
    }
    if request.method == .get {
      if let (type, body) = Discovery.answer(path: path, accept: accept) {
        return Self.bytes(body.utf8 + [UInt8(ascii: "\n")], type: type)
      }
      if let (type, body) = OpenAPI.answer(path: path, accept: accept) {
        return Self.bytes(body, type: type)
      }
    }
    guard let place = APIPath(path) else { return Self.text("404 page not found\n", code: 404) }
    let form = try AnswerForm(accept: accept, isTablePossible: request.method == .get)
    let query = Dictionary(request.query.parameters.map { ($0.name, $0.value) }) { first, _ in first
    }
    let call = Call(place: place, form: form, query: query)
    switch place.subresource {
    case "log": return try await self.log(call, request)
    case "proxy": return try await self.proxy(call, request)
    case "binding": return try await self.bind(call, request)
    case "eviction": return try await self.evict(call, request)
    case "attach", "exec", "portforward":
      // Source: `k8s.io/apimachinery/pkg/api/errors` NewMethodNotSupported.
      throw .notSupported(call.place.resource, place.subresource ?? "")
    default: return try await self.verb(call, request)
    }
  }

  /// Healthy while etcd answers. Source: `k8s.io/apiserver/pkg/server/healthz/healthz.go`.
  private func health(_ path: String, isVerbose: Bool) async -> Response {
    do throws(APIFailure) {
      _ = try await self.objects.store.list(.namespaces, nil)
      let checks = "[+]ping ok\n[+]etcd ok\n\(path.dropFirst()) check passed\n"
      return Self.text(isVerbose ? checks : "ok")
    } catch {
      let text = "[+]ping ok\n[-]etcd failed: \(error.message)\n\(path.dropFirst()) check failed\n"
      return Self.text(text, code: 500)
    }
  }
}
