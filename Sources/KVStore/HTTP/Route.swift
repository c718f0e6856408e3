import NIOHTTP1

/// Where a request goes, by its method and path alone.
enum Route: Equatable, Sendable {
  case keys(KeysRequest.Method, StorePath)
  case auth(AuthRequest)
  case version
  case health
  case members
  case memberLeader
  case unknownMember
  case machines
  case storeStatistics
  case selfStatistics
  case leaderStatistics
  case metrics
  /// Any OPTIONS request.
  case preflight
  case redirect(String)
  case methodNotAllowed(allow: String)
  case notFound
  case badRequest

  init(_ method: HTTPMethod, _ target: RequestTarget?) {
    guard let target else {
      self = .badRequest
      return
    }
    if method == .OPTIONS {
      self = .preflight
      return
    }
    if let location = target.redirection {
      self = .redirect(location)
      return
    }
    let keys = Array("/v2/keys".utf8)
    if target.path.starts(with: keys) {
      let rest = target.path.dropFirst(keys.count)
      if rest.isEmpty || rest.first == StorePath.slash {
        self =
          Self.keysMethod(method).map { .keys($0, StorePath(rest)) }
          ?? .methodNotAllowed(allow: "HEAD,GET,PUT,POST,DELETE")
        return
      }
    }
    if let path = AuthPath(target.path) {
      self = path.request(method).map { .auth($0) } ?? .methodNotAllowed(allow: path.allowedMethods)
      return
    }
    func only(_ allowed: [HTTPMethod], _ route: Route) -> Route {
      allowed.contains(method)
        ? route : .methodNotAllowed(allow: allowed.map(\.rawValue).joined(separator: ","))
    }
    let path = String(decoding: target.path, as: UTF8.self)
    switch path {
    case "/version": self = only([.GET], .version)
    case "/health": self = only([.GET], .health)
    case "/v2/machines": self = only([.GET, .HEAD], .machines)
    case "/v2/stats/store": self = only([.GET], .storeStatistics)
    case "/v2/stats/self": self = only([.GET], .selfStatistics)
    case "/v2/stats/leader": self = only([.GET], .leaderStatistics)
    // Whatever the method: etcd asks for none.
    case "/metrics": self = .metrics
    case "/v2/members" where ![.POST, .DELETE, .PUT].contains(method),
      "/v2/members/" where ![.POST, .DELETE, .PUT].contains(method):
      self = method == .GET ? .members : .methodNotAllowed(allow: "GET,POST,DELETE,PUT")
    case "/v2/members/leader": self = only([.GET], .memberLeader)
    case _ where path.hasPrefix("/v2/members/") && path != "/v2/members/":
      self = only([.GET], .unknownMember)
    case "/v2/members", "/v2/members/":
      // The one member is what it is: it cannot be added to, changed or removed.
      self = .methodNotAllowed(allow: "GET")
    default: self = .notFound
    }
  }

  private static func keysMethod(_ method: HTTPMethod) -> KeysRequest.Method? {
    switch method {
    case .GET: .get
    case .HEAD: .head
    case .PUT: .put
    case .POST: .post
    case .DELETE: .delete
    default: nil
    }
  }
}
