/// The body of a PUT to a user.
struct UserDocument: Equatable, Sendable {
  private(set) var name: [UInt8] = []
  private(set) var password: [UInt8] = []
  private(set) var roles: [[UInt8]]?
  private(set) var grant: [[UInt8]]?
  private(set) var revoke: [[UInt8]]?

  /// - Throws: ``AuthError/invalidJSON``, also for a member of another type.
  init(_ body: [UInt8]) throws(AuthError) {
    do throws(GoJSON.Malformed) {
      for (name, value) in try GoJSON(firstIn: body).members() {
        switch name {
        case "user": try value.set(&self.name)
        case "password": try value.set(&self.password)
        case "roles": try value.set(&self.roles)
        case "grant": try value.set(&self.grant)
        case "revoke": try value.set(&self.revoke)
        default: break
        }
      }
    } catch {
      throw .invalidJSON
    }
  }

  func change(passwordHash: String?) -> AuthChange {
    func names(_ list: [[UInt8]]) -> [KeyName] { list.map { KeyName($0) } }
    return .putUser(
      AuthChange.User(
        name: KeyName(self.name), passwordHash: passwordHash, roles: self.roles.map(names),
        grant: names(self.grant ?? []), revoke: names(self.revoke ?? [])))
  }
}

/// The body of a PUT to a role.
struct RoleDocument: Equatable, Sendable {
  private(set) var name: [UInt8] = []
  private(set) var permissions = Permissions()
  private(set) var grant: Permissions?
  private(set) var revoke: Permissions?

  /// - Throws: ``AuthError/invalidJSON``, also for a member of another type.
  init(_ body: [UInt8]) throws(AuthError) {
    do throws(GoJSON.Malformed) {
      for (name, value) in try GoJSON(firstIn: body).members() {
        switch name {
        case "role": try value.set(&self.name)
        case "permissions": try value.set(&self.permissions)
        case "grant": try value.set(&self.grant)
        case "revoke": try value.set(&self.revoke)
        default: break
        }
      }
    } catch {
      throw .invalidJSON
    }
  }

  var change: AuthChange {
    .putRole(
      AuthChange.Role(
        name: KeyName(self.name), permissions: self.permissions, grant: self.grant,
        revoke: self.revoke))
  }
}

// Go's decoder, by the type of the field: `null` leaves a text or a struct as it is, and clears a pointer
// or a list.
extension GoJSON {
  fileprivate func set(_ text: inout [UInt8]) throws(Malformed) {
    switch self {
    case .text(let bytes): text = bytes
    case .null: break
    default: throw Malformed()
    }
  }

  fileprivate func set(_ list: inout [[UInt8]]?) throws(Malformed) {
    list = try self.texts()
  }

  fileprivate func set(_ permissions: inout Permissions?) throws(Malformed) {
    guard self != .null else {
      permissions = nil
      return
    }
    var new = permissions ?? Permissions()
    try self.set(&new)
    permissions = new
  }

  fileprivate func set(_ permissions: inout Permissions) throws(Malformed) {
    for (name, value) in try self.members() where name == "kv" {
      for (name, value) in try value.members() {
        switch name {
        case "read": permissions.read = try value.texts()?.map(KeyPattern.init)
        case "write": permissions.write = try value.texts()?.map(KeyPattern.init)
        default: break
        }
      }
    }
  }
}
