/// A requested change of ``AuthRules``.
enum AuthChange: Equatable, Sendable {
  case enable
  case disable
  case putUser(User)
  case deleteUser(KeyName)
  case putRole(Role)
  case deleteRole(KeyName)

  /// A new user, or changes of an existing one.
  struct User: Equatable, Sendable {
    var name: KeyName
    /// `nil` without a password.
    var passwordHash: String?
    var roles: [KeyName]?
    var grant: [KeyName] = []
    var revoke: [KeyName] = []
  }

  /// A new role, or changes of an existing one.
  struct Role: Equatable, Sendable {
    var name: KeyName
    var permissions = Permissions()
    var grant: Permissions?
    var revoke: Permissions?
  }
}

/// The result of an ``AuthChange``.
enum AuthOutcome: Equatable, Sendable {
  case done
  case user(AuthUser, isNew: Bool)
  case role(AuthRole, isNew: Bool)
}
