struct AuthUser: Equatable, Sendable {
  let name: KeyName
  /// Of ``PasswordHash``.
  var passwordHash: String
  /// They need not exist. `nil` for a user that was created without roles and never changed: etcd
  /// distinguishes that from an empty list.
  var roles: [KeyName]?

  var withRootRole: AuthUser {
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
    // Even `/v2/keys` without its slash, which no pattern covers.
    if self.name == .root { return true }
    let patterns = action == .read ? self.permissions.read : self.permissions.write
    return patterns?.contains { pattern in
      isRecursive ? pattern.coversAllBelow(rawPath) : pattern.matches(rawPath)
    } ?? false
  }
}

extension KeyName {
  /// The user and the role with all rights.
  static let root = KeyName("root".utf8)
  /// The role of requests without credentials.
  static let guest = KeyName("guest".utf8)
}
