import HTTPEndpoint
import NIOCore
import NIOHTTP1
import PrometheusText

/// Answers every route but the keys and `/v2/auth`: it needs no wait and no watch.
struct Pages: Sendable {
  let identity: Identity
  let store: Store
  let corsOrigins: CORSOrigins
  let browserPolicy: BrowserPolicy
  var callLimits = CallLimits()
  let date = DateLine()

  /// Carries out the calls of the v3 API.
  var services: Services {
    Services(store: self.store, identity: self.identity, limits: self.callLimits)
  }

  /// What each answer has in its headers.
  var headers: ServerHeaders {
    ServerHeaders(clusterID: self.identity.clusterID, corsOrigins: self.corsOrigins)
  }

  /// - Precondition: the route is none of the keys, of auth, or of a call.
  /// - Parameter address: the server's end of the connection.
  func response(
    to route: Route, method: HTTPMethod, reachedAt address: String?
  ) -> Response {
    switch route {
    case .keys, .auth, .gateway:
      preconditionFailure("\(route) is answered by the connection handler")
    case .noMethod: .text(.notFound, "Not Found\n")
    case .version: .json(.ok, self.identity.version)
    case .health:
      self.store.problem == nil && self.store.alarms.current.isEmpty
        ? .text(.ok, "{\"health\":\"true\"}")
        : .text(.serviceUnavailable, "{\"health\":\"false\"}")
    case .members: self.ofTheCluster(self.identity.members(reachedAt: address))
    case .memberLeader: self.ofTheCluster(self.identity.member(reachedAt: address) + "\n")
    case .unknownMember: .json(.notFound, "{\"message\":\"Not found\"}")
    case .machines: .text(.ok, self.identity.machines(reachedAt: address))
    case .storeStatistics:
      .json(.ok, self.store.statistics.json(watcherCount: self.store.watcherCount))
    case .selfStatistics:
      .json(
        .ok,
        self.identity.statistics(startedAt: self.store.startedAt, now: self.store.clock.now))
    case .leaderStatistics: .json(.ok, self.identity.leaderStatistics)
    case .metrics:
      Response(
        .ok, type: MetricsPage.contentType,
        body: ByteBuffer(string: MetricsPage(store: self.store, identity: self.identity).text))
    case .preflight: Response(.ok)
    case .redirect(let location): .redirect(to: location, for: method)
    case .methodNotAllowed(let allow):
      .text(.methodNotAllowed, "Method Not Allowed\n", headers: ["Allow": allow])
    case .notFound: .text(.notFound, "404 page not found\n")
    case .badRequest: .text(.badRequest, "400 Bad Request: malformed path\n")
    }
  }

  private func ofTheCluster(_ body: String) -> Response {
    .json(.ok, body, headers: ["X-Etcd-Cluster-Id": self.identity.clusterID])
  }
}
