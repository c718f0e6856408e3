import NIOCore
import NIOHTTP1

/// The answer to a request to `/v2/auth`.
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
  /// The answer to a request that only reads.
  /// - Precondition: the request changes nothing.
  func answer(to request: AuthRequest, query: [UInt8]?) throws(AuthError) -> AuthAnswer {
    var json = JSONWriter()
    switch request {
    case .showState: json.raw("{\"enabled\":\(self.isEnabled)}")
    case .listUsers:
      try Self.check(query)
      json.raw("{\"users\":")
      // The list leaves out roles that do not exist.
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
      try Self.check(query)
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

  /// etcd parses the query of a list and ignores it.
  private static func check(_ query: [UInt8]?) throws(AuthError) {
    do { _ = try Form(query: query) } catch { throw .internalError }
  }
}

extension JSONWriter {
  /// A list; `null` for an empty one.
  fileprivate mutating func list<Item>(_ items: [Item], _ write: (inout JSONWriter, Item) -> Void) {
    if items.isEmpty { self.raw("null") }
    for (position, item) in items.enumerated() {
      self.raw(position == 0 ? "[" : ",")
      write(&self, item)
    }
    if !items.isEmpty { self.raw("]") }
  }

  /// A list of texts; `null` for `nil`.
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
  /// - Parameter clusterID: etcd sends it after the check that the requester is root.
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
