/// The refusal of a request to `/v2/auth`, with etcd's texts.
enum AuthError: Error, Equatable, Sendable {
  case insufficientCredentials
  case invalidPath
  case invalidJSON
  /// The document names another user than the path.
  case otherUser
  case otherRole
  case rolesAndGrants
  case permissionsAndGrants
  case emptyPassword(KeyName)
  /// Not in etcd: bcrypt would ignore the rest of the password.
  case zeroByteInPassword(KeyName)
  case userExists(KeyName)
  case userUnchanged
  case noUser(KeyName)
  case noUserToDelete(KeyName)
  case rootUserIsNeeded
  case duplicateRole(KeyName, user: KeyName)
  case ungrantedRole(KeyName, user: KeyName)
  case rootRole
  case roleExists(KeyName)
  case roleUnchanged
  case noRole(KeyName)
  case noRoleToDelete(KeyName)
  case duplicatePermission(AuthRules.Action, KeyPattern)
  case alreadyEnabled
  case alreadyDisabled
  case noRootUser
  /// etcd's error for a malformed query.
  case internalError
  /// Not in etcd: the change was not written, and nothing has changed.
  case disk(String)

  var status: Int {
    switch self {
    case .insufficientCredentials: 401
    case .rootUserIsNeeded, .rootRole: 403
    case .noUser, .noUserToDelete, .noRole, .noRoleToDelete: 404
    case .userExists, .roleExists, .duplicateRole, .ungrantedRole, .duplicatePermission,
      .alreadyEnabled, .alreadyDisabled, .noRootUser:
      409
    case .internalError, .disk: 500
    case .invalidPath, .invalidJSON, .otherUser, .otherRole, .rolesAndGrants,
      .permissionsAndGrants, .emptyPassword, .zeroByteInPassword, .userUnchanged, .roleUnchanged:
      400
    }
  }

  /// Whether it comes before the check that the requester is root: then etcd does not send the cluster's
  /// id.
  var isBeforehand: Bool { self == .invalidPath || self == .insufficientCredentials }

  /// Bytes, since a name in a path need not be UTF-8.
  var message: [UInt8] {
    switch self {
    case .insufficientCredentials: Self.text("Insufficient credentials")
    case .invalidPath: Self.text("Invalid path")
    case .invalidJSON: Self.text("Invalid JSON in request body.")
    case .otherUser: Self.text("User JSON name does not match the name in the URL")
    case .otherRole: Self.text("Role JSON name does not match the name in the URL")
    case .rolesAndGrants: Self.text("User JSON contains both roles and grant/revoke")
    case .permissionsAndGrants: Self.text("Role JSON contains both permissions and grant/revoke")
    case .emptyPassword(let name):
      Self.text("auth: Cannot create user ", name.bytes, " with an empty password")
    case .zeroByteInPassword(let name):
      Self.text("auth: The password of user ", name.bytes, " has a zero byte: choose another one")
    case .userExists(let name): Self.text("auth: User ", name.bytes, " already exists.")
    case .userUnchanged:
      Self.text("auth: User not updated. Use grant/revoke/password to update the user.")
    case .noUser(let name): Self.text("auth: User ", name.bytes, " does not exist.")
    case .noUserToDelete(let name): Self.text("auth: User ", name.bytes, " does not exist")
    case .rootUserIsNeeded: Self.text("auth: Cannot delete root user while auth is enabled.")
    case .duplicateRole(let role, let user):
      Self.text("auth: Granting duplicate role ", role.bytes, " for user ") + user.bytes
    case .ungrantedRole(let role, let user):
      Self.text("auth: Revoking ungranted role ", role.bytes, " for user ") + user.bytes
    case .rootRole: Self.text("auth: Cannot modify role root: is root role.")
    case .roleExists(let name): Self.text("auth: Role ", name.bytes, " already exists.")
    case .roleUnchanged: Self.text("auth: Role not updated. Use grant/revoke to update the role.")
    case .noRole(let name): Self.text("auth: Role ", name.bytes, " does not exist.")
    case .noRoleToDelete(let name): Self.text("auth: Role ", name.bytes, " doesn't exist.")
    case .duplicatePermission(.read, let pattern):
      Self.text("auth: Granting duplicate read permission ", pattern.bytes)
    case .duplicatePermission(.write, let pattern):
      Self.text("auth: Granting duplicate write permission ", pattern.bytes)
    case .alreadyEnabled: Self.text("auth: already enabled")
    case .alreadyDisabled: Self.text("auth: already disabled")
    case .noRootUser: Self.text("auth: No root user available, please create one")
    case .internalError: Self.text("Internal Server Error")
    case .disk(let reason): Self.text("auth: cannot write to disk: \(reason)")
    }
  }

  private static func text(
    _ beginning: String, _ name: [UInt8] = [], _ end: String = ""
  ) -> [UInt8] {
    Array(beginning.utf8) + name + Array(end.utf8)
  }
}
