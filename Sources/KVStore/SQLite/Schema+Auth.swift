import Foundation
import GRDB

/// The tables of `/v2/auth`; `meta.auth_enabled` says whether authentication is on.
extension Schema {
  static func addAuthTables(to db: GRDB.Database) throws {
    try db.execute(
      sql: """
        CREATE TABLE users (
          name TEXT NOT NULL PRIMARY KEY,
          password TEXT NOT NULL,        -- bcrypt's text of it
          roles TEXT                     -- a JSON list; NULL where none was ever given
        ) WITHOUT ROWID;

        -- One row for each role but root's.
        CREATE TABLE roles (
          name TEXT NOT NULL PRIMARY KEY,
          read TEXT,                     -- JSON lists of patterns
          write TEXT
        ) WITHOUT ROWID;
        """)
  }

  /// Writes the rows that differ.
  static func write(_ new: AuthRules, replacing old: AuthRules, to db: GRDB.Database) throws {
    for name in old.users.keys where new.users[name] == nil {
      try db.execute(sql: "DELETE FROM users WHERE name = ?", arguments: [self.text(name.bytes)])
    }
    for (name, user) in new.users where old.users[name] != user {
      try db.execute(
        sql: "INSERT OR REPLACE INTO users VALUES (?, ?, ?)",
        arguments: [
          self.text(name.bytes), user.passwordHash, self.list(user.roles?.map(\.bytes)),
        ])
    }
    for name in old.roles.keys where new.roles[name] == nil {
      try db.execute(sql: "DELETE FROM roles WHERE name = ?", arguments: [self.text(name.bytes)])
    }
    for (name, role) in new.roles where old.roles[name] != role {
      try db.execute(
        sql: "INSERT OR REPLACE INTO roles VALUES (?, ?, ?)",
        arguments: [
          self.text(name.bytes), self.list(role.permissions.read?.map(\.bytes)),
          self.list(role.permissions.write?.map(\.bytes)),
        ])
    }
    if new.isEnabled != old.isEnabled { try self.setMeta("auth_enabled", new.isEnabled, in: db) }
    try self.sealAuth(db)
  }

  /// Writes the checksum of users and roles, and then that of `meta`.
  static func sealAuth(_ db: GRDB.Database) throws {
    try self.setMeta("auth_checksum", Int64(bitPattern: try self.authChecksum(db)), in: db)
    try self.seal(db)
  }

  private static func authChecksum(_ db: GRDB.Database) throws -> UInt64 {
    var checksums = RowChecksum()
    var columns: [[UInt8]?] = []
    for table in ["users", "roles"] {
      for row in try Row.fetchAll(db, sql: "SELECT * FROM \(table) ORDER BY name") {
        columns += row.databaseValues.map { Data.fromDatabaseValue($0).map(Array.init) }
      }
    }
    return checksums.of(columns)
  }

  /// - Throws: ``Contradiction`` for a damaged row or a malformed list.
  static func readAuth(_ db: GRDB.Database) throws -> AuthRules {
    guard try self.meta("auth_checksum", in: db) == self.authChecksum(db) else {
      throw Contradiction(description: "users and roles: a row is damaged")
    }
    let users = try Row.fetchAll(db, sql: "SELECT name, password, roles FROM users").map { row in
      AuthUser(
        name: KeyName(self.bytes(row["name"])), passwordHash: row["password"],
        roles: try self.list(row["roles"], "users.roles")?.map { KeyName($0) })
    }
    let roles = try Row.fetchAll(db, sql: "SELECT name, read, write FROM roles").map { row in
      AuthRole(
        name: KeyName(self.bytes(row["name"])),
        permissions: Permissions(
          read: try self.list(row["read"], "roles.read")?.map(KeyPattern.init),
          write: try self.list(row["write"], "roles.write")?.map(KeyPattern.init)))
    }
    return AuthRules(
      isEnabled: try self.meta("auth_enabled", in: db) ?? false, users: users, roles: roles)
  }

  private static func list(_ texts: [[UInt8]]?) -> String? {
    guard let texts else { return nil }
    var json = JSONWriter()
    json.texts(texts)
    return String(buffer: json.buffer)
  }

  private static func list(_ json: String?, _ column: String) throws -> [[UInt8]]? {
    guard let json else { return nil }
    guard let texts = try? GoJSON(firstIn: Array(json.utf8)).texts() else {
      throw Contradiction(description: "\(column): \(json) is no list of texts")
    }
    return texts
  }
}
