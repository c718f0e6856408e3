import NIOHTTP1

/// What a request to `/v2/auth` is about, by its method and path alone.
enum AuthRequest: Equatable, Sendable {
  case showState
  case enable
  case disable
  case listUsers
  case showUser(KeyName)
  case putUser(KeyName)
  case deleteUser(KeyName)
  case listRoles
  case showRole(KeyName)
  case putRole(KeyName)
  case deleteRole(KeyName)
  case invalidPath

  /// Whether only root may ask; everybody may know whether auth is on.
  var needsRoot: Bool { self != .showState && self != .invalidPath }
}

/// A path below `/v2/auth`.
///
/// Source: `handleAuth` of etcd's `v2http/client_auth.go`; a slash at the end does not count, but after
/// `enable`.
enum AuthPath: Equatable, Sendable {
  case enable
  case users
  case user(KeyName)
  case roles
  case role(KeyName)
  case invalid

  /// - Returns: `nil` for a path that is none of these.
  init?(_ path: [UInt8]) {
    let base = Array("/v2/auth/".utf8)
    guard path.starts(with: base) else { return nil }
    let rest = path[base.count...]
    let names = rest.split(separator: StorePath.slash).map { KeyName($0) }
    switch names.first?.bytes {
    case Array("enable".utf8) where rest.count == "enable".utf8.count: self = .enable
    case Array("users".utf8):
      self = names.count == 1 ? .users : names.count == 2 ? .user(names[1]) : .invalid
    case Array("roles".utf8):
      self = names.count == 1 ? .roles : names.count == 2 ? .role(names[1]) : .invalid
    default: return nil
    }
  }

  /// As the header `Allow` has them.
  var allowedMethods: String {
    switch self {
    case .users, .roles: "GET"
    case .enable, .user, .role, .invalid: "GET,PUT,DELETE"
    }
  }

  /// - Returns: `nil` for a method that is not one of the allowed ones.
  func request(_ method: HTTPMethod) -> AuthRequest? {
    switch (self, method) {
    case (.invalid, _): .invalidPath
    case (.enable, .GET): .showState
    case (.enable, .PUT): .enable
    case (.enable, .DELETE): .disable
    case (.users, .GET): .listUsers
    case (.user(let name), .GET): .showUser(name)
    case (.user(let name), .PUT): .putUser(name)
    case (.user(let name), .DELETE): .deleteUser(name)
    case (.roles, .GET): .listRoles
    case (.role(let name), .GET): .showRole(name)
    case (.role(let name), .PUT): .putRole(name)
    case (.role(let name), .DELETE): .deleteRole(name)
    default: nil
    }
  }
}

extension Route {
  /// Whether it matters who sent the request when auth is on.
  var asksWho: Bool {
    switch self {
    case .keys, .auth: true
    default: false
    }
  }

  /// Whether a request wants to change the members, which only root may: also where nothing can come of
  /// it, since there is one member and no other.
  static func changesMembers(_ method: HTTPMethod, _ target: RequestTarget?) -> Bool {
    guard [.POST, .PUT, .DELETE].contains(method), let path = target?.path else { return false }
    let members = Array("/v2/members".utf8)
    return path.starts(with: members)
      && (path.count == members.count || path[members.count] == StorePath.slash)
  }
}
