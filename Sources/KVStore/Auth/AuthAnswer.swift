import NIOCore
import NIOHTTP1

/// What a request to `/v2/auth` is answered with.
struct AuthAnswer: Equatable, Sendable {
  var isCreation = false
  var body = ByteBuffer()

  init(_ body: ByteBuffer = ByteBuffer(), isCreation: Bool = false) {
    self.isCreation = isCreation
    self.body = body
  }

  init(_ outcome: AuthOutcome) {
    var json = JSONWriter()
    switch outcome {
    case .done: self.init()
    case .user(let user, let isNew):
      json.raw("{\"user\":")
      json.string(user.name.bytes)
      json.raw(",\"roles\":")
      json.texts(user.roles?.map(\.bytes))
      json.raw("}\n")
      self.init(json.buffer, isCreation: isNew)
    case .role(let role, let isNew):
      json.role(role)
      json.raw("\n")
      self.init(json.buffer, isCreation: isNew)
    }
  }
}

extension AuthRules {
  /// What a request is told that changes nothing.
  /// - Precondition: it is one of those.
  func answer(to request: AuthRequest, query: [UInt8]?) throws(AuthError) -> AuthAnswer {
    var json = JSONWriter()
    switch request {
    case .showState: json.raw("{\"enabled\":\(self.isEnabled)}")
    case .listUsers:
      try Self.lookAt(query)
      json.raw("{\"users\":")
      // A role that is not there is passed over in the list.
      json.list(self.listedUsers) { json, user in
        json.user(user, roles: (user.roles ?? []).compactMap(self.role))
      }
      json.raw("}")
    case .showUser(let name):
      guard let user = self.user(name) else { throw .noUser(name) }
      var roles: [AuthRole] = []
      for name in user.roles ?? [] {
        guard let role = self.role(name) else { throw .noRole(name) }
        roles.append(role)
      }
      json.user(user, roles: roles)
    case .listRoles:
      try Self.lookAt(query)
      json.raw("{\"roles\":")
      json.list(self.listedRoles) { json, role in json.role(role) }
      json.raw("}")
    case .showRole(let name):
      guard let role = self.role(name) else { throw .noRole(name) }
      json.role(role)
    case .enable, .disable, .putUser, .deleteUser, .putRole, .deleteRole, .invalidPath:
      preconditionFailure("\(request) is nothing to read")
    }
    json.raw("\n")
    return AuthAnswer(json.buffer)
  }

  /// etcd reads the query of a list, though nothing in it counts.
  private static func lookAt(_ query: [UInt8]?) throws(AuthError) {
    do { _ = try Form(query: query) } catch { throw .internalError }
  }
}

extension JSONWriter {
  /// A list of what there is; `null` when there is nothing.
  fileprivate mutating func list<Item>(_ items: [Item], _ write: (inout JSONWriter, Item) -> Void) {
    if items.isEmpty { self.raw("null") }
    for (position, item) in items.enumerated() {
      self.raw(position == 0 ? "[" : ",")
      write(&self, item)
    }
    if !items.isEmpty { self.raw("]") }
  }

  /// A list of texts; `null` only for `nil`.
  mutating func texts(_ texts: [[UInt8]]?) {
    guard texts?.isEmpty != true else {
      self.raw("[]")
      return
    }
    self.list(texts ?? []) { json, text in json.string(text) }
  }

  fileprivate mutating func user(_ user: AuthUser, roles: [AuthRole]) {
    self.raw("{\"user\":")
    self.string(user.name.bytes)
    if !roles.isEmpty {
      self.raw(",\"roles\":")
      self.list(roles) { json, role in json.role(role) }
    }
    self.raw("}")
  }

  fileprivate mutating func role(_ role: AuthRole) {
    self.raw("{\"role\":")
    self.string(role.name.bytes)
    self.raw(",\"permissions\":{\"kv\":{\"read\":")
    self.texts(role.permissions.read?.map(\.bytes))
    self.raw(",\"write\":")
    self.texts(role.permissions.write?.map(\.bytes))
    self.raw("}}}")
  }
}

extension Response {
  /// - Parameter clusterID: which etcd says once it has found the requester to be root.
  static func auth(_ result: Result<AuthAnswer, AuthError>, clusterID: String) -> Response {
    let ofTheCluster: HTTPHeaders = ["X-Etcd-Cluster-Id": clusterID]
    switch result {
    case .success(let answer):
      return Response(
        answer.isCreation ? .created : .ok, type: "application/json", body: answer.body,
        headers: ofTheCluster)
    case .failure(let error):
      var json = JSONWriter()
      json.raw("{\"message\":")
      json.string(error.message)
      json.raw("}")
      return Response(
        HTTPResponseStatus(statusCode: error.status), type: "application/json", body: json.buffer,
        headers: error.isBeforehand ? [:] : ofTheCluster)
    }
  }
}
