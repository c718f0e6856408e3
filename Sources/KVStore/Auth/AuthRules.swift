/// Users, roles, and whether anybody is asked who he is, as a value: the whole of `/v2/auth`.
///
/// It knows no password, no clock and no disk. The one way to change it is ``apply(_:)``.
///
/// Source: `v2auth` and `client_auth.go` of etcd 3.4; their oddities are kept, and named where they are.
struct AuthRules: Equatable, Sendable {
  private(set) var isEnabled: Bool
  /// As they are stored; see ``user(_:)``.
  private(set) var users: [KeyName: AuthUser]
  /// Those that were made; root's is not among them.
  private(set) var roles: [KeyName: AuthRole]

  init(isEnabled: Bool = false, users: [AuthUser] = [], roles: [AuthRole] = []) {
    self.isEnabled = isEnabled
    self.users = Dictionary(users.map { ($0.name, $0) }) { $1 }
    self.roles = Dictionary(roles.map { ($0.name, $0) }) { $1 }
  }

  // MARK: Reading

  /// A user; root has its role whatever was revoked.
  func user(_ name: KeyName) -> AuthUser? {
    self.users[name].map { $0.name == .root ? $0.withRootRole : $0 }
  }

  func role(_ name: KeyName) -> AuthRole? {
    name == .root ? .root : self.roles[name]
  }

  /// In the order of their names; hidden ones are left out, as hidden keys are of a listing.
  var listedUsers: [AuthUser] {
    self.users.keys.filter { !$0.isHidden }.sorted().compactMap(self.user)
  }

  var listedRoles: [AuthRole] {
    (self.roles.keys.filter { !$0.isHidden } + [.root]).sorted().compactMap(self.role)
  }

  // MARK: Who may do what

  enum Action: Equatable, Sendable {
    case read, write
  }

  /// - Parameters:
  ///   - rawPath: the key as the request has it: a slash at its end counts.
  ///   - isRecursive: whether the request says `recursive=true`, which needs a pattern for all that is
  ///     below. A guest's does not: that is how etcd has it.
  func allows(
    _ requester: Requester, _ action: Action, rawPath: ArraySlice<UInt8>, isRecursive: Bool
  ) -> Bool {
    guard self.isEnabled else { return true }
    switch requester {
    case .unknown: return false
    case .guest:
      return self.role(.guest)?.allows(action, rawPath: rawPath, isRecursive: false) ?? false
    case .user(let name):
      return self.user(name)?.roles?.contains { role in
        self.role(role)?.allows(action, rawPath: rawPath, isRecursive: isRecursive) ?? false
      } ?? false
    }
  }

  /// Whether users, roles and members are this requester's to look at and change.
  func isRoot(_ requester: Requester) -> Bool {
    guard self.isEnabled else { return true }
    guard case .user(let name) = requester else { return false }
    return self.user(name)?.roles?.contains(.root) ?? false
  }

  // MARK: Changing

  /// Does what is asked, or throws and stays as it was.
  mutating func apply(_ change: AuthChange) throws(AuthError) -> AuthOutcome {
    switch change {
    case .enable:
      guard !self.isEnabled else { throw .alreadyEnabled }
      guard self.users[.root] != nil else { throw .noRootUser }
      // Who uses the store without a name goes on to do so, until somebody says otherwise.
      if self.roles[.guest] == nil {
        self.roles[.guest] = AuthRole(name: .guest, permissions: .everything)
      }
      self.isEnabled = true
      return .done
    case .disable:
      guard self.isEnabled else { throw .alreadyDisabled }
      self.isEnabled = false
      return .done
    case .putUser(let user): return try self.put(user)
    case .deleteUser(let name):
      guard !self.isEnabled || name != .root else { throw .rootUserIsNeeded }
      guard self.users.removeValue(forKey: name) != nil else { throw .noUserToDelete(name) }
      return .done
    case .putRole(let role): return try self.put(role)
    case .deleteRole(let name):
      guard name != .root else { throw .rootRole }
      guard self.roles.removeValue(forKey: name) != nil else { throw .noRoleToDelete(name) }
      return .done
    }
  }

  private mutating func put(_ form: AuthChange.User) throws(AuthError) -> AuthOutcome {
    let hasRoles = form.roles?.isEmpty == false
    guard form.grant.isEmpty, form.revoke.isEmpty else {
      guard !hasRoles else { throw .rolesAndGrants }
      return .user(try self.update(form), isNew: false)
    }
    // Somebody who says which roles wants a new user; etcd answers 200 to that, not 201.
    if !hasRoles, self.users[form.name] != nil {
      return .user(try self.update(form), isNew: false)
    }
    return .user(try self.create(form), isNew: !hasRoles)
  }

  private mutating func create(_ form: AuthChange.User) throws(AuthError) -> AuthUser {
    guard let hash = form.passwordHash else { throw .emptyPassword(form.name) }
    guard self.users[form.name] == nil else { throw .userExists(form.name) }
    var user = AuthUser(name: form.name, passwordHash: hash, roles: form.roles)
    if user.name == .root { user = user.withRootRole }
    self.users[form.name] = user
    return user
  }

  private mutating func update(_ form: AuthChange.User) throws(AuthError) -> AuthUser {
    guard let old = self.user(form.name) else { throw .noUser(form.name) }
    var roles = Set(old.roles ?? [])
    for role in form.grant where !roles.insert(role).inserted {
      throw .duplicateRole(role, user: form.name)
    }
    for role in form.revoke where roles.remove(role) == nil {
      throw .ungrantedRole(role, user: form.name)
    }
    let new = AuthUser(
      name: old.name, passwordHash: form.passwordHash ?? old.passwordHash, roles: roles.sorted())
    guard new != old else { throw .userUnchanged }
    self.users[form.name] = new
    return new
  }

  private mutating func put(_ form: AuthChange.Role) throws(AuthError) -> AuthOutcome {
    let isUpdate = form.grant?.isEmpty == false || form.revoke?.isEmpty == false
    guard !isUpdate || form.permissions.isEmpty else { throw .permissionsAndGrants }
    guard form.name != .root else { throw .rootRole }
    guard isUpdate else {
      guard self.roles[form.name] == nil else { throw .roleExists(form.name) }
      let role = AuthRole(name: form.name, permissions: form.permissions)
      self.roles[form.name] = role
      return .role(role, isNew: true)
    }
    guard let old = self.roles[form.name] else { throw .noRole(form.name) }
    var new = old
    if let grant = form.grant { new.permissions = try new.permissions.granting(grant) }
    if let revoke = form.revoke { new.permissions = new.permissions.revoking(revoke) }
    guard new != old else { throw .roleUnchanged }
    self.roles[form.name] = new
    return .role(new, isNew: false)
  }
}

extension KeyName {
  /// The user and the role that may do everything.
  static let root = KeyName("root".utf8)
  /// The role of those who do not say who they are.
  static let guest = KeyName("guest".utf8)
}

/// Who sent a request, as far as it could be found out.
enum Requester: Equatable, Sendable {
  /// It says nothing about that.
  case guest
  /// It names this user, and has its password.
  case user(KeyName)
  /// It says something else, which is never taken for nothing: a wrong password gives no guest's rights.
  case unknown
}

struct AuthUser: Equatable, Sendable {
  let name: KeyName
  /// As ``PasswordHash`` makes it.
  var passwordHash: String
  /// As they were given; they need not be there. `nil` for a user that was made without any, and had
  /// none changed since: for etcd that is not the same as no roles.
  var roles: [KeyName]?

  fileprivate var withRootRole: AuthUser {
    var user = self
    if user.roles?.contains(.root) != true { user.roles = (user.roles ?? []) + [.root] }
    return user
  }
}

struct AuthRole: Equatable, Sendable {
  let name: KeyName
  var permissions: Permissions

  static let root = AuthRole(name: .root, permissions: .everything)

  func allows(
    _ action: AuthRules.Action, rawPath: ArraySlice<UInt8>, isRecursive: Bool
  ) -> Bool {
    // Also what no pattern covers: `/v2/keys` without its slash.
    if self.name == .root { return true }
    let patterns = action == .read ? self.permissions.read : self.permissions.write
    return patterns?.contains { pattern in
      isRecursive ? pattern.coversAllBelow(rawPath) : pattern.matches(rawPath)
    } ?? false
  }
}

/// A change that somebody asks for.
enum AuthChange: Equatable, Sendable {
  case enable
  case disable
  case putUser(User)
  case deleteUser(KeyName)
  case putRole(Role)
  case deleteRole(KeyName)

  /// A new user, or what is to be different with one that is there.
  struct User: Equatable, Sendable {
    var name: KeyName
    /// `nil` when no password was given.
    var passwordHash: String?
    var roles: [KeyName]?
    var grant: [KeyName] = []
    var revoke: [KeyName] = []
  }

  /// A new role, or what is to be different with one that is there.
  struct Role: Equatable, Sendable {
    var name: KeyName
    var permissions = Permissions()
    var grant: Permissions?
    var revoke: Permissions?
  }
}

/// What a change has led to.
enum AuthOutcome: Equatable, Sendable {
  case done
  case user(AuthUser, isNew: Bool)
  case role(AuthRole, isNew: Bool)
}
