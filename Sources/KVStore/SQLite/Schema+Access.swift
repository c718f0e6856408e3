import Foundation
import GRDB

/// The tables of the v3 API's users and roles; `meta.v3_auth_enabled` says whether requests need one.
extension Schema {
  static func addAccessTables(to db: GRDB.Database) throws {
    try db.execute(
      sql: """
        CREATE TABLE v3_users (
          name TEXT NOT NULL PRIMARY KEY,
          password TEXT,                 -- bcrypt's text of it; NULL for a user without one
          roles TEXT NOT NULL            -- a JSON list
        ) WITHOUT ROWID;

        -- One row for each permission, and one without a range for a role that has none.
        CREATE TABLE v3_roles (
          name TEXT NOT NULL,
          key TEXT,
          range_end TEXT,                -- empty for the key alone, a zero byte for all keys from it on
          kind TEXT                      -- read, write, readwrite
        );
        """)
    try self.write(AccessRules(), to: db)
  }

  /// Writes all of it: it is small, and changes seldom.
  static func write(_ rules: AccessRules, to db: GRDB.Database) throws {
    try db.execute(sql: "DELETE FROM v3_users; DELETE FROM v3_roles")
    for (name, user) in rules.users.sorted(by: { AccessRules.isBefore($0.key, $1.key) }) {
      var json = JSONWriter()
      json.texts(user.roles.map { Array($0.utf8) })
      try db.execute(
        sql: "INSERT INTO v3_users VALUES (?, ?, ?)",
        arguments: [name, user.passwordHash, String(buffer: json.buffer)])
    }
    for (name, role) in rules.roles.sorted(by: { AccessRules.isBefore($0.key, $1.key) }) {
      if role.permissions.isEmpty {
        try db.execute(
          sql: "INSERT INTO v3_roles VALUES (?, NULL, NULL, NULL)", arguments: [name])
      }
      for permission in role.permissions {
        try db.execute(
          sql: "INSERT INTO v3_roles VALUES (?, ?, ?, ?)",
          arguments: [
            name, self.text(permission.key), self.text(permission.end), permission.kind.rawValue,
          ])
      }
    }
    try self.setMeta("v3_auth_enabled", rules.isEnabled, in: db)
    try self.setMeta("v3_auth_revision", Int64(bitPattern: rules.revision), in: db)
    try self.setMeta(
      "v3_auth_checksum", Int64(bitPattern: try self.accessChecksum(db)), in: db)
    try self.seal(db)
  }

  private static func accessChecksum(_ db: GRDB.Database) throws -> UInt64 {
    var checksums = RowChecksum()
    var columns: [[UInt8]?] = []
    for (table, order) in [("v3_users", "name"), ("v3_roles", "rowid")] {
      for row in try Row.fetchAll(db, sql: "SELECT * FROM \(table) ORDER BY \(order)") {
        columns += row.databaseValues.map { Data.fromDatabaseValue($0).map(Array.init) }
      }
    }
    return checksums.of(columns)
  }

  /// - Throws: ``Contradiction`` for a damaged row.
  static func readAccess(_ db: GRDB.Database) throws -> AccessRules {
    guard try self.meta("v3_auth_checksum", in: db) == self.accessChecksum(db) else {
      throw Contradiction(description: "v3_users and v3_roles: a row is damaged")
    }
    var rules = AccessRules()
    rules.isEnabled = try self.meta("v3_auth_enabled", in: db) ?? false
    rules.revision = try self.meta("v3_auth_revision", in: db) ?? 1
    for row in try Row.fetchAll(db, sql: "SELECT name, password, roles FROM v3_users") {
      guard let roles = try? GoJSON(firstIn: Array((row["roles"] as String).utf8)).texts() else {
        throw Contradiction(description: "v3_users: \(row["roles"] as String) is no list of texts")
      }
      rules.users[row["name"]] = AccessRules.User(
        passwordHash: row["password"],
        roles: roles.map { String(decoding: $0, as: UTF8.self) })
    }
    for row in try Row.fetchAll(
      db, sql: "SELECT name, key, range_end, kind FROM v3_roles ORDER BY rowid")
    {
      let name: String = row["name"]
      guard let text: String = row["kind"] else {
        rules.roles[name] = AccessRules.Role()
        continue
      }
      guard let kind = AccessRules.Permission.Kind(rawValue: text) else {
        throw Contradiction(description: "v3_roles: \(text) is no kind of a permission")
      }
      rules.roles[name, default: AccessRules.Role()].permissions.append(
        .init(key: self.bytes(row["key"]), end: self.bytes(row["range_end"]), kind: kind))
    }
    return rules
  }
}
