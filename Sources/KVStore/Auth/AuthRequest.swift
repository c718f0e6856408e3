import NIOHTTP1

/// A request to `/v2/auth`, by its method and path alone.
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

  /// Every client may know whether authentication is on.
  var needsRoot: Bool { self != .showState && self != .invalidPath }
}

/// A path below `/v2/auth`.
///
/// Source: `handleAuth` of etcd's `v2http/client_auth.go`. A slash at the end is ignored, except after
/// `enable`.
enum AuthPath: Equatable, Sendable {
  case enable
  case users
  case user(KeyName)
  case roles
  case role(KeyName)
  case invalid

  /// - Returns: `nil` for another path.
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

  /// For the header `Allow`.
  var allowedMethods: String {
    switch self {
    case .users, .roles: "GET"
    case .enable, .user, .role, .invalid: "GET,PUT,DELETE"
    }
  }

  /// - Returns: `nil` for a method that is not allowed.
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
