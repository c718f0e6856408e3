/// Users, roles, and whether authentication is on, as a value: the whole of `/v2/auth`.
///
/// It has no password, no clock and no disk. Only ``apply(_:)`` changes it.
///
/// Source: `v2auth` and `client_auth.go` of etcd 3.4. Their oddities are kept, each with a comment.
struct AuthRules: Equatable, Sendable {
  private(set) var isEnabled: Bool
  /// As stored; see ``user(_:)``.
  private(set) var users: [KeyName: AuthUser]
  /// Without root's, which always exists.
  private(set) var roles: [KeyName: AuthRole]

  init(isEnabled: Bool = false, users: [AuthUser] = [], roles: [AuthRole] = []) {
    self.isEnabled = isEnabled
    self.users = Dictionary(users.map { ($0.name, $0) }) { $1 }
    self.roles = Dictionary(roles.map { ($0.name, $0) }) { $1 }
  }

  // MARK: Reading

  /// Root has its role whatever was revoked.
  func user(_ name: KeyName) -> AuthUser? {
    self.users[name].map { $0.name == .root ? $0.withRootRole : $0 }
  }

  func role(_ name: KeyName) -> AuthRole? {
    name == .root ? .root : self.roles[name]
  }

  /// Ordered by name, without hidden ones, like a listing of keys.
  var listedUsers: [AuthUser] {
    self.users.keys.filter { !$0.isHidden }.sorted().compactMap(self.user)
  }

  var listedRoles: [AuthRole] {
    (self.roles.keys.filter { !$0.isHidden } + [.root]).sorted().compactMap(self.role)
  }

  // MARK: Permissions

  enum Action: Equatable, Sendable {
    case read, write
  }

  /// - Parameters:
  ///   - rawPath: the key as in the request: a slash at its end counts.
  ///   - isRecursive: `recursive=true` needs a pattern for everything below, except from a guest, as with
  ///     etcd.
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

  /// Whether the requester may read and change users, roles and members.
  func isRoot(_ requester: Requester) -> Bool {
    guard self.isEnabled else { return true }
    guard case .user(let name) = requester else { return false }
    return self.user(name)?.roles?.contains(.root) ?? false
  }

  // MARK: Changing

  /// Applies the change, or throws and stays as it was.
  mutating func apply(_ change: AuthChange) throws(AuthError) -> AuthOutcome {
    switch change {
    case .enable:
      guard !self.isEnabled else { throw .alreadyEnabled }
      guard self.users[.root] != nil else { throw .noRootUser }
      // Clients without a name keep their access until an operator restricts the role.
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
    // A list of roles means a new user; etcd answers that with 200, not 201.
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
