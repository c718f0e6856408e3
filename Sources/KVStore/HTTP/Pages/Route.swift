import NIOHTTP1

/// The destination of a request, by its method and path alone.
enum Route: Equatable, Sendable {
  case keys(KeysRequest.Method, StorePath)
  case auth(AuthRequest)
  /// A call of the v3 API.
  case gateway(Method)
  /// Below `/v3`, where nothing is.
  case noMethod
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

  /// - Parameter purpose: of the address that the request has come to.
  init(
    _ method: HTTPMethod, _ target: RequestTarget?, at purpose: ListenAddress.Purpose = .clients
  ) {
    guard let target else {
      self = .badRequest
      return
    }
    if method == .OPTIONS, purpose == .clients {
      self = .preflight
      return
    }
    // Its target is no path. Source: `ServeMux.Handler` of Go's `net/http`.
    if method.rawValue != "CONNECT", let location = target.redirection {
      self = .redirect(location)
      return
    }
    if purpose == .metrics {
      self = Self.monitoring(method, String(decoding: target.path, as: UTF8.self)) ?? .notFound
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
      Self.only(allowed, route, method)
    }
    let path = String(decoding: target.path, as: UTF8.self)
    for prefix in ["/v3", "/v3beta"] where path.hasPrefix(prefix + "/") {
      guard let method = MethodTable.standard.gatewayMethod(String(path.dropFirst(prefix.count)))
      else {
        self = .noMethod
        return
      }
      self = only([.POST], .gateway(method))
      return
    }
    switch path {
    case "/v3", "/v3beta": self = .redirect(path + "/")
    case "/version": self = only([.GET], .version)
    case "/v2/machines": self = only([.GET, .HEAD], .machines)
    case "/v2/stats/store": self = only([.GET], .storeStatistics)
    case "/v2/stats/self": self = only([.GET], .selfStatistics)
    case "/v2/stats/leader": self = only([.GET], .leaderStatistics)
    case "/v2/members" where ![.POST, .DELETE, .PUT].contains(method),
      "/v2/members/" where ![.POST, .DELETE, .PUT].contains(method):
      self = method == .GET ? .members : .methodNotAllowed(allow: "GET,POST,DELETE,PUT")
    case "/v2/members/leader": self = only([.GET], .memberLeader)
    case _ where path.hasPrefix("/v2/members/") && path != "/v2/members/":
      self = only([.GET], .unknownMember)
    case "/v2/members", "/v2/members/":
      // The one member cannot be changed or removed, and no other can join.
      self = .methodNotAllowed(allow: "GET")
    default: self = Self.monitoring(method, path) ?? .notFound
    }
  }

  /// What an address for metrics has, too.
  private static func monitoring(_ method: HTTPMethod, _ path: String) -> Route? {
    switch path {
    case "/health": Self.only([.GET], .health, method)
    // Any method, as with etcd.
    case "/metrics": .metrics
    default: nil
    }
  }

  private static func only(
    _ allowed: [HTTPMethod], _ route: Route, _ method: HTTPMethod
  ) -> Route {
    allowed.contains(method)
      ? route : .methodNotAllowed(allow: allowed.map(\.rawValue).joined(separator: ","))
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

  /// Whether the answer depends on the requester while authentication is on.
  var needsRequester: Bool {
    switch self {
    case .keys, .auth: true
    default: false
    }
  }

  /// Whether the request would change the members. Only root may send it, although the one member never
  /// changes.
  static func changesMembers(_ method: HTTPMethod, _ target: RequestTarget?) -> Bool {
    guard [.POST, .PUT, .DELETE].contains(method), let path = target?.path else { return false }
    let members = Array("/v2/members".utf8)
    return path.starts(with: members)
      && (path.count == members.count || path[members.count] == StorePath.slash)
  }
}
