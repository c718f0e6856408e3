import Foundation
import GRDB

/// The tables of the database. Writing and reading them is in `Schema+Write`, `Schema+Read`,
/// `Schema+Revisions`, `Schema+Auth` and `Schema+Access`.
///
/// UTF-8 is stored as TEXT, so that an operator can read the tables, and other bytes as BLOB. Each row has a
/// checksum, and `meta` has the sums: what was damaged on disk is refused, and not served.
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
    // In v2, `nodes` may lag behind `events`.
    migrator.registerMigration("v2") { db in
      let last = try Int64.fetchOne(db, sql: "SELECT max(idx) FROM events")
      if let last { try self.setMeta("index", last, in: db) }
    }
    migrator.registerMigration("v2-auth", migrate: self.addAuthTables)
    // From v3 on, a log has what the tables lack, and rows have checksums. meta: node_count, node_checksum,
    // first_event, log_id, log_batch, log_checksum, restored, auth_checksum, auth_revision, checksum.
    migrator.registerMigration("v3", migrate: self.addChecksums)
    migrator.registerMigration("v4", migrate: self.addRevisionTables)
    migrator.registerMigration("v4-auth", migrate: self.addAccessTables)
    return migrator
  }

  /// Brings the nodes up to date by the events, as v2 did at each start, and writes all rows with their
  /// checksums.
  private static func addChecksums(_ db: GRDB.Database) throws {
    for table in ["nodes", "events"] {
      try db.execute(sql: "ALTER TABLE \(table) ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0")
    }
    var tree = try self.readNodes(db, checked: false)
    let events = try self.readEvents(db, checked: false)
    let now = StoreTime(nanoseconds: try self.meta("store_time", in: db) ?? 0)
    for event in events where event.index > tree.index {
      guard event.index == tree.index + 1, tree.redo(LoggedChange(event), now: now) != nil else {
        throw Contradiction(
          description: "events: \(event.index) cannot follow on the nodes of index \(tree.index)")
      }
    }
    guard zip(events.reversed(), 0...).allSatisfy({ $0.index == tree.index - $1 }) else {
      throw Contradiction(
        description: "events: a gap, or an end that is not the index \(tree.index)")
    }
    try db.execute(sql: "DELETE FROM nodes; DELETE FROM events")
    let fold = Fold(
      backlog: Backlog(allOf: tree),
      history: EventHistory(events: events, lastIndex: tree.index), position: .start, time: now)
    try self.writeTree(fold, to: db)
    try self.sealAuth(db)
  }

  // MARK: Values

  static func meta<Value: DatabaseValueConvertible>(
    _ name: String, in db: GRDB.Database
  ) throws -> Value? {
    try Value.fetchOne(db, sql: "SELECT value FROM meta WHERE name = ?", arguments: [name])
  }

  static func meta(_ name: String, in db: GRDB.Database) throws -> UInt64? {
    (try self.meta(name, in: db) as Int64?).map(UInt64.init(bitPattern:))
  }

  static func setMeta(
    _ name: String, _ value: any DatabaseValueConvertible, in db: GRDB.Database
  ) throws {
    try db.cachedStatement(sql: "INSERT OR REPLACE INTO meta VALUES (?, ?)")
      .execute(arguments: [name, value])
  }

  /// - Parameter row: what a row of the table is.
  static func total(_ row: String, in db: GRDB.Database) throws -> RowTotal {
    RowTotal(
      count: try self.meta(row + "_count", in: db) ?? 0,
      checksum: try self.meta(row + "_checksum", in: db) ?? 0)
  }

  static func setTotal(_ row: String, _ total: RowTotal, in db: GRDB.Database) throws {
    try self.setMeta(row + "_count", total.count, in: db)
    try self.setMeta(row + "_checksum", Int64(bitPattern: total.checksum), in: db)
  }

  /// Writes the checksum of `meta`, after its other rows.
  static func seal(_ db: GRDB.Database) throws {
    try self.setMeta("checksum", Int64(bitPattern: try self.metaChecksum(db)), in: db)
  }

  /// - Throws: ``Contradiction``.
  static func checkSeal(_ db: GRDB.Database) throws {
    guard try self.meta("checksum", in: db) == self.metaChecksum(db) else {
      throw Contradiction(description: "meta: a row is damaged")
    }
  }

  private static func metaChecksum(_ db: GRDB.Database) throws -> UInt64 {
    var columns: [[UInt8]?] = []
    for row in try Row.fetchAll(
      db, sql: "SELECT name, CAST(value AS TEXT) FROM meta WHERE name != 'checksum' ORDER BY name")
    {
      columns += [Array((row[0] as String).utf8), Array((row[1] as String).utf8)]
    }
    var checksums = RowChecksum()
    return checksums.of(columns)
  }

  /// TEXT or BLOB, as ``PreparedStatement/bind(_:_:)`` does it.
  static func text(_ bytes: [UInt8]) -> DatabaseValue {
    bytes.withUnsafeBytes(UTF8Sequence.isText)
      ? String(decoding: bytes, as: UTF8.self).databaseValue : Data(bytes).databaseValue
  }

  static func bytes(_ data: Data?) -> [UInt8] { data.map(Array.init) ?? [] }

  /// Rows that SQLite finds in order and that contradict each other, or their checksums.
  struct Contradiction: Error, CustomStringConvertible {
    let description: String
  }
}
