import Foundation
import GRDB

/// The tables, and how the tree's values are written to and read from them.
///
/// Text is stored as TEXT where it is UTF-8, so that a person can read the tables, and as BLOB where
/// it is not.
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
    migrator.registerMigration("v2-auth", migrate: self.addAuthTables)
    return migrator
  }

  // MARK: Writing

  /// After so many changes the events that the history has forgotten are removed.
  private static let trimInterval = 256 as UInt64

  static func write(_ changes: [Change], to db: GRDB.Database) throws {
    guard let last = changes.last else { return }
    let put = try db.cachedStatement(
      sql: "INSERT OR REPLACE INTO nodes VALUES (?, ?, ?, ?, ?, ?)")
    let remove = try db.cachedStatement(sql: "DELETE FROM nodes WHERE key = ?")
    let addEvent = try db.cachedStatement(
      sql: "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
    for change in changes {
      for path in change.removed { try remove.execute(arguments: [text(path.bytes)]) }
      for written in change.written {
        let node = written.node
        try put.execute(arguments: [
          text(written.path.bytes), node.isDirectory, node.isDirectory ? nil : text(node.value),
          Int64(node.createdIndex), Int64(node.modifiedIndex), node.deadline?.nanoseconds,
        ])
      }
      // An event that the rest of the batch pushes out of the history need not be written first.
      guard change.event.index + UInt64(EventHistory.capacity) > last.event.index else { continue }
      let (event, node, prev) = (change.event, change.event.node, change.event.prevNode)
      try addEvent.execute(arguments: [
        Int64(event.index), event.action.rawValue, event.isRefresh, text(node.path.bytes),
        node.isDirectory, node.value.map(text), Int64(node.createdIndex),
        node.deadline?.nanoseconds, node.ttl, prev?.isDirectory, prev?.value.map(text),
        prev.map { Int64($0.createdIndex) }, prev.map { Int64($0.modifiedIndex) },
        prev?.deadline?.nanoseconds, prev?.ttl,
      ])
    }
    // Now and then is enough, and spares most batches a page: a start reads the last thousand anyway.
    if let first = changes.first?.event.index,
      first / self.trimInterval != (last.event.index + 1) / self.trimInterval
    {
      try db.cachedStatement(sql: "DELETE FROM events WHERE idx <= ?")
        .execute(arguments: [Int64(last.event.index) - Int64(EventHistory.capacity)])
    }
  }

  static func setMeta(
    _ name: String, _ value: any DatabaseValueConvertible, in db: GRDB.Database
  ) throws {
    try db.cachedStatement(sql: "INSERT OR REPLACE INTO meta VALUES (?, ?)")
      .execute(arguments: [name, value])
  }

  /// UTF-8 as TEXT, anything else as BLOB; so is what has a zero byte, where SQLite's own text
  /// functions would stop.
  static func text(_ bytes: [UInt8]) -> DatabaseValue {
    if !bytes.contains(0), let string = String(validating: bytes, as: UTF8.self) {
      return string.databaseValue
    }
    return Data(bytes).databaseValue
  }

  // MARK: Reading

  /// What the tables hold.
  struct Contents {
    var tree: KeyTree
    var history: EventHistory
    var auth: AuthRules
  }

  /// The index of the last change.
  static func index(in db: GRDB.Database) throws -> UInt64 {
    let last = try Int64.fetchOne(db, sql: "SELECT max(idx) FROM events") ?? 0
    return UInt64(max(last, try self.meta("index", in: db) ?? 0))
  }

  static func meta<Value: DatabaseValueConvertible>(
    _ name: String, in db: GRDB.Database
  ) throws -> Value? {
    try Value.fetchOne(db, sql: "SELECT value FROM meta WHERE name = ?", arguments: [name])
  }

  /// Reads everything, and looks whether it fits together.
  /// - Throws: ``Contradiction``.
  static func read(_ db: GRDB.Database) throws -> Contents {
    let index = try self.index(in: db)
    var tree = KeyTree(index: index)
    // The order of the keys puts a directory before what is in it.
    let rows = try Row.fetchCursor(
      db, sql: "SELECT key, dir, value, created, modified, expires FROM nodes ORDER BY key")
    while let row = try rows.next() {
      let isDirectory: Bool = row["dir"]
      let path = StorePath(clean: self.bytes(row["key"]))
      let node = TreeNode(
        content: isDirectory ? .directory([:]) : .value(self.bytes(row["value"])),
        createdIndex: self.index(row["created"]), modifiedIndex: self.index(row["modified"]),
        deadline: self.time(row["expires"]))
      guard tree.restore(node, at: path) else {
        throw Contradiction(description: "nodes: \(path) is in no directory")
      }
      guard node.modifiedIndex <= index else {
        throw Contradiction(description: "nodes: \(path) is newer than the index \(index)")
      }
    }
    let events = try Row.fetchAll(db, sql: "SELECT * FROM events ORDER BY idx").map(self.event)
    guard zip(events.reversed(), 0...).allSatisfy({ $0.index == index - $1 }) else {
      throw Contradiction(description: "events: a gap, or an end that is not the index \(index)")
    }

    return Contents(
      tree: tree, history: EventHistory(events: events, lastIndex: index),
      auth: try self.readAuth(db))
  }

  /// Reads everything, and notes down what this run needs to leave for the next one.
  static func recover(
    _ db: GRDB.Database, reading: StoreClock.Reading
  ) throws -> Database.Recovered {
    let contents = try self.read(db)
    let clock = StoreClock(
      continuing: StoreClock.Record(
        bootID: try self.meta("boot_id", in: db), offset: try self.meta("clock_offset", in: db),
        lastKnown: try self.meta("store_time", in: db)),
      at: reading)
    try self.setMeta("boot_id", clock.bootID, in: db)
    try self.setMeta("clock_offset", clock.offset, in: db)
    try self.noteTime(clock.time(sinceBoot: reading.sinceBoot), in: db)

    let clusterID = try self.meta("cluster_id", in: db) as Int64? ?? Int64.random(in: 1 ... .max)
    try self.setMeta("cluster_id", clusterID, in: db)
    return Database.Recovered(
      tree: contents.tree, history: contents.history, auth: contents.auth, clock: clock,
      clusterID: UInt64(bitPattern: clusterID))
  }

  /// Notes down what time it is for the store: after the next boot its clock goes on from there at the
  /// least. The index is noted, too, for who reads the table; the last event is what counts.
  static func noteTime(_ time: StoreTime, in db: GRDB.Database) throws {
    try self.setMeta("index", Int64(try self.index(in: db)), in: db)
    try self.setMeta("store_time", time.nanoseconds, in: db)
  }

  /// Lets a copy that is brought back go on at an index that was not given out before, and forget its
  /// events, which lie on the other side of the gap.
  static func goOn(beyond index: UInt64, by jump: UInt64, in db: GRDB.Database) throws {
    let newIndex = max(index, try self.index(in: db)) + jump
    try db.execute(sql: "DELETE FROM events")
    try self.setMeta("index", Int64(newIndex), in: db)
  }

  /// What SQLite takes for whole, and yet cannot be true.
  struct Contradiction: Error, CustomStringConvertible {
    let description: String
  }

  private static func event(_ row: Row) throws -> Event {
    let path = StorePath(clean: self.bytes(row["key"]))
    let isDirectory: Bool = row["dir"]
    let node = NodeView(
      path: path, value: (row["value"] as Data?).map(Array.init), isDirectory: isDirectory,
      deadline: self.time(row["expires"]), ttl: row["ttl"],
      modifiedIndex: self.index(row["idx"]), createdIndex: self.index(row["created"]))
    var previous: NodeView?
    if let isDirectory: Bool = row["prev_dir"] {
      previous = NodeView(
        path: path, value: (row["prev_value"] as Data?).map(Array.init), isDirectory: isDirectory,
        deadline: self.time(row["prev_expires"]), ttl: row["prev_ttl"],
        modifiedIndex: self.index(row["prev_modified"]),
        createdIndex: self.index(row["prev_created"]))
    }
    guard let action = Event.Action(rawValue: row["action"]) else {
      throw Contradiction(description: "events: the unknown action \(row["action"] as String)")
    }
    return Event(
      action, node: node, prevNode: previous,
      isRefresh: row["refresh"])
  }

  static func bytes(_ data: Data?) -> [UInt8] { data.map(Array.init) ?? [] }
  private static func index(_ value: Int64) -> UInt64 { UInt64(bitPattern: value) }
  private static func time(_ value: Int64?) -> StoreTime? {
    value.map(StoreTime.init(nanoseconds:))
  }
}
