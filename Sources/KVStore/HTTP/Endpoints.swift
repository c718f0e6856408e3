import NIOCore
import PrometheusText

/// Answers everything but the keys and auth: what needs no wait and no watch.
struct Endpoints: Sendable {
  let identity: Identity
  let store: Store
  let corsOrigins: CORSOrigins

  /// - Precondition: the route is neither one of the keys nor of auth.
  func response(to route: Route, head: RequestHead) -> Response {
    switch route {
    case .keys, .auth: preconditionFailure("\(route) is answered by the connection")
    case .version: .json(.ok, self.identity.version)
    case .health: .text(.ok, "{\"health\":\"true\"}")
    case .members: self.ofTheCluster(self.identity.members)
    case .memberLeader: self.ofTheCluster(self.identity.member + "\n")
    case .unknownMember: .json(.notFound, "{\"message\":\"Not found\"}")
    case .machines: .text(.ok, self.identity.machines)
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
    case .redirect(let location): .redirect(to: location, for: head.method)
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
