/// The users and roles of the v3 API, as a value: what a change makes of them, and who may read or write which keys.
///
/// v2 has users and roles of its own, as in etcd.
///
/// Source: etcd's `auth` package; texts and answers are those of recordings.
struct AccessRules: Equatable, Sendable {
  var isEnabled = false
  /// Of the last change; 1 before the first one.
  var revision: UInt64 = 1
  var users: [String: User] = [:]
  var roles: [String: Role] = [:]

  struct User: Equatable, Sendable {
    /// Of ``PasswordHash``; `nil` for a user who has a certificate only.
    var passwordHash: String?
    /// They exist, and are sorted.
    var roles: [String] = []
  }

  struct Role: Equatable, Sendable {
    /// In the order of their keys; no two of one range.
    var permissions: [Permission] = []
  }

  struct Permission: Equatable, Sendable {
    /// As a request's: empty for a single key, a zero byte for all keys from the first one on.
    let key: [UInt8]
    let end: [UInt8]
    var kind: Kind

    enum Kind: String, Sendable {
      case read, write, readWrite = "readwrite"

      func includes(_ action: Action) -> Bool {
        switch self {
        case .readWrite: true
        case .read: action == .read
        case .write: action == .write
        }
      }
    }
  }

  enum Action: Sendable { case read, write }

  static let root = "root"

  func isRoot(_ user: String) -> Bool { self.users[user]?.roles.contains(Self.root) ?? false }

  /// Whether a user may do this to all keys of a range. Ranges of permissions that touch are one.
  func allows(_ user: String, _ action: Action, _ range: KeyRange) -> Bool {
    if self.isRoot(user) { return true }
    let spans = (self.users[user]?.roles ?? []).flatMap { role in
      (self.roles[role]?.permissions ?? []).filter { $0.kind.includes(action) }
        .map { Span($0) }
    }
    return Span.joined(spans).contains { $0.covers(Span(range)) }
  }

  /// Keys from a start up to an end; `nil` for no end.
  private struct Span {
    let start: RevisionKey
    var end: RevisionKey?

    init(_ permission: Permission) {
      self.init(KeyRange(RevisionKey(permission.key), end: RevisionKey(permission.end)))
    }

    init(_ range: KeyRange) {
      self.start = range.start
      self.end =
        switch range.end {
        // The next key that there can be.
        case nil: RevisionKey(range.start.bytes + [0])
        case .before(let end): end
        case .some(.none): nil
        }
    }

    func covers(_ other: Span) -> Bool {
      guard self.start <= other.start else { return false }
      guard let end = self.end else { return true }
      return other.end.map { $0 <= end } ?? false
    }

    static func joined(_ spans: [Span]) -> [Span] {
      var joined: [Span] = []
      for span in spans.sorted(by: { $0.start < $1.start }) {
        guard let last = joined.last, last.end.map({ span.start <= $0 }) ?? true else {
          joined.append(span)
          continue
        }
        if let end = last.end {
          joined[joined.count - 1].end = span.end.map { max($0, end) }
        }
      }
      return joined
    }
  }
}

/// A requested change of ``AccessRules``.
enum AccessChange: Equatable, Sendable {
  case enable
  case disable
  case addUser(String, passwordHash: String?)
  case deleteUser(String)
  case setPassword(String, hash: String?)
  case grantRole(String, to: String)
  case revokeRole(String, from: String)
  case addRole(String)
  case deleteRole(String)
  case grantPermission(AccessRules.Permission, to: String)
  case revokePermission(key: [UInt8], end: [UInt8], from: String)
}

extension AccessRules {
  /// - Throws: for a change that cannot be made; nothing has changed then.
  mutating func apply(_ change: AccessChange) throws(RPCStatus) {
    let former = self
    switch change {
    case .enable:
      guard let root = self.users[Self.root] else { throw .rootUserNotExist }
      guard root.roles.contains(Self.root) else { throw .rootRoleNotGranted }
      self.isEnabled = true
    case .disable: self.isEnabled = false
    case .addUser(let name, let hash):
      guard !name.isEmpty else { throw .userEmpty }
      guard self.users[name] == nil else { throw .userExists }
      self.users[name] = User(passwordHash: hash)
    case .deleteUser(let name):
      guard !self.isEnabled || name != Self.root else { throw .invalidAuthManagement }
      guard self.users.removeValue(forKey: name) != nil else { throw .userNotFound }
    case .setPassword(let name, let hash):
      guard self.users[name] != nil else { throw .userNotFound }
      self.users[name]?.passwordHash = hash
    case .grantRole(let role, let name):
      guard var user = self.users[name] else { throw .userNotFound }
      guard self.roles[role] != nil else { throw .roleNotFound }
      guard !user.roles.contains(role) else { break }
      user.roles = (user.roles + [role]).sorted(by: Self.isBefore)
      self.users[name] = user
    case .revokeRole(let role, let name):
      guard !self.isEnabled || name != Self.root || role != Self.root else {
        throw .invalidAuthManagement
      }
      guard let user = self.users[name] else { throw .userNotFound }
      guard user.roles.contains(role) else { throw .roleNotGranted }
      self.users[name]?.roles.removeAll { $0 == role }
    case .addRole(let name):
      guard !name.isEmpty else { throw .roleEmpty }
      guard self.roles[name] == nil else { throw .roleExists }
      self.roles[name] = Role()
    case .deleteRole(let name):
      guard !self.isEnabled || name != Self.root else { throw .invalidAuthManagement }
      guard self.roles.removeValue(forKey: name) != nil else { throw .roleNotFound }
      for user in self.users.keys { self.users[user]?.roles.removeAll { $0 == name } }
    case .grantPermission(let permission, let name):
      guard var role = self.roles[name] else { throw .roleNotFound }
      role.permissions.removeAll { $0.key == permission.key && $0.end == permission.end }
      role.permissions.append(permission)
      role.permissions.sort {
        (RevisionKey($0.key), RevisionKey($0.end)) < (RevisionKey($1.key), RevisionKey($1.end))
      }
      self.roles[name] = role
    case .revokePermission(let key, let end, let name):
      guard var role = self.roles[name] else { throw .roleNotFound }
      let count = role.permissions.count
      role.permissions.removeAll { $0.key == key && $0.end == end }
      guard role.permissions.count < count else { throw .permissionNotGranted }
      self.roles[name] = role
    }
    if self != former { self.revision += 1 }
  }

  /// Go's order of texts.
  static func isBefore(_ a: String, _ b: String) -> Bool {
    a.utf8.lexicographicallyPrecedes(b.utf8)
  }
}

/// Source: `etcdserver/api/v3rpc/rpctypes/error.go`.
extension RPCStatus {
  static let rootUserNotExist = RPCStatus(
    .failedPrecondition, "etcdserver: root user does not exist")
  static let rootRoleNotGranted = RPCStatus(
    .failedPrecondition, "etcdserver: root user does not have root role")
  static let userEmpty = RPCStatus(.invalidArgument, "etcdserver: user name is empty")
  static let userExists = RPCStatus(.failedPrecondition, "etcdserver: user name already exists")
  static let userNotFound = RPCStatus(.failedPrecondition, "etcdserver: user name not found")
  static let roleEmpty = RPCStatus(.invalidArgument, "etcdserver: role name is empty")
  static let roleExists = RPCStatus(.failedPrecondition, "etcdserver: role name already exists")
  static let roleNotFound = RPCStatus(.failedPrecondition, "etcdserver: role name not found")
  static let roleNotGranted = RPCStatus(
    .failedPrecondition, "etcdserver: role is not granted to the user")
  static let permissionNotGranted = RPCStatus(
    .failedPrecondition, "etcdserver: permission is not granted to the role")
  static let invalidAuthManagement = RPCStatus(
    .invalidArgument, "etcdserver: invalid auth management")
  static let permissionDenied = RPCStatus(.permissionDenied, "etcdserver: permission denied")
  static let authNotEnabled = RPCStatus(
    .failedPrecondition, "etcdserver: authentication is not enabled")
  static let authFailed = RPCStatus(
    .invalidArgument, "etcdserver: authentication failed, invalid user ID or password")
  static let noPasswordUser = RPCStatus(
    .unknown, "auth: authentication failed, password was given for no password user")
  static let invalidToken = RPCStatus(.unauthenticated, "etcdserver: invalid auth token")
}
