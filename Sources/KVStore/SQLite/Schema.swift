import Foundation
import GRDB

/// The tables of the database. Writing and reading them is in `Schema+Write`, `Schema+Read` and
/// `Schema+Auth`.
///
/// UTF-8 is stored as TEXT, so that an operator can read the tables, and other bytes as BLOB.
enum Schema {
  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("v1") { db in
      try db.execute(
        sql: """
          -- One row per key or directory; the root has none.
          CREATE TABLE nodes (
            key TEXT NOT NULL PRIMARY KEY,
            dir INTEGER NOT NULL,
            value TEXT,                    -- NULL for a directory
            created INTEGER NOT NULL,      -- createdIndex
            modified INTEGER NOT NULL,     -- modifiedIndex
            expires INTEGER                -- nanoseconds since 1970 on the store's clock
          ) WITHOUT ROWID;

          -- The last changes, one row for each index.
          CREATE TABLE events (
            idx INTEGER NOT NULL PRIMARY KEY,
            action TEXT NOT NULL,
            refresh INTEGER NOT NULL,
            key TEXT NOT NULL,
            dir INTEGER NOT NULL,
            value TEXT,
            created INTEGER NOT NULL,
            expires INTEGER,
            ttl INTEGER NOT NULL,
            prev_dir INTEGER,              -- all prev_ columns are NULL when nothing was there before
            prev_value TEXT,
            prev_created INTEGER,
            prev_modified INTEGER,
            prev_expires INTEGER,
            prev_ttl INTEGER
          );

          -- cluster_id, index, boot_id, clock_offset, store_time, auth_enabled.
          CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
          """)
    }
    // From v2 on, `nodes` may lag behind `events`.
    migrator.registerMigration("v2") { db in
      let last = try Int64.fetchOne(db, sql: "SELECT max(idx) FROM events")
      if let last { try self.setMeta("index", last, in: db) }
    }
    migrator.registerMigration("v2-auth", migrate: self.addAuthTables)
    return migrator
  }

  // MARK: Values

  static func meta<Value: DatabaseValueConvertible>(
    _ name: String, in db: GRDB.Database
  ) throws -> Value? {
    try Value.fetchOne(db, sql: "SELECT value FROM meta WHERE name = ?", arguments: [name])
  }

  static func setMeta(
    _ name: String, _ value: any DatabaseValueConvertible, in db: GRDB.Database
  ) throws {
    try db.cachedStatement(sql: "INSERT OR REPLACE INTO meta VALUES (?, ?)")
      .execute(arguments: [name, value])
  }

  /// TEXT or BLOB, as ``PreparedStatement/bind(_:_:)`` does it.
  static func text(_ bytes: [UInt8]) -> DatabaseValue {
    bytes.withUnsafeBytes(UTF8Sequence.isText)
      ? String(decoding: bytes, as: UTF8.self).databaseValue : Data(bytes).databaseValue
  }

  static func bytes(_ data: Data?) -> [UInt8] { data.map(Array.init) ?? [] }

  /// Rows that SQLite finds in order and that contradict each other.
  struct Contradiction: Error, CustomStringConvertible {
    let description: String
  }
}
