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
    // `nodes` may lag behind `events` since then; before, it was always up to date.
    migrator.registerMigration("v2") { db in
      let last = try Int64.fetchOne(db, sql: "SELECT max(idx) FROM events")
      if let last { try self.setMeta("index", last, in: db) }
    }
    migrator.registerMigration("v2-auth", migrate: self.addAuthTables)
    return migrator
  }

  // MARK: Writing

  /// Writes down what happened: one row for each change, at the end of one table. With these in the
  /// database nothing is lost; ``fold(_:upTo:in:)`` brings the nodes up to date.
  static func append(_ changes: [Change], to db: GRDB.Database) throws {
    let statement = try PreparedStatement(
      """
      INSERT INTO events (idx, action, refresh, key, dir, value, created, expires, ttl, prev_dir,
        prev_value, prev_created, prev_modified, prev_expires, prev_ttl)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """, in: db)
    for change in changes {
      let (event, node, prev) = (change.event, change.event.node, change.event.prevNode)
      statement.bind(1, event.index)
      statement.bind(2, event.action.rawValue)
      statement.bind(3, event.isRefresh)
      statement.bind(4, node.path.bytes)
      statement.bind(5, node.isDirectory)
      statement.bind(6, node.value)
      statement.bind(7, node.createdIndex)
      statement.bind(8, node.deadline?.nanoseconds)
      statement.bind(9, node.ttl)
      // What is not bound is NULL.
      if let prev {
        statement.bind(10, prev.isDirectory)
        statement.bind(11, prev.value)
        statement.bind(12, prev.createdIndex)
        statement.bind(13, prev.modifiedIndex)
        statement.bind(14, prev.deadline?.nanoseconds)
        statement.bind(15, prev.ttl)
      }
      try statement.run()
    }
  }

  /// Brings the nodes up to date, and drops the events that the history has forgotten.
  static func fold(_ backlog: Backlog, upTo index: UInt64, in db: GRDB.Database) throws {
    let put = try PreparedStatement(
      """
      INSERT OR REPLACE INTO nodes (key, dir, value, created, modified, expires)
      VALUES (?, ?, ?, ?, ?, ?)
      """, in: db)
    let remove = try PreparedStatement("DELETE FROM nodes WHERE key = ?", in: db)
    for (path, node) in backlog.nodes {
      guard let node else {
        remove.bind(1, path.bytes)
        try remove.run()
        continue
      }
      put.bind(1, path.bytes)
      put.bind(2, node.isDirectory)
      if !node.isDirectory { put.bind(3, node.value) }
      put.bind(4, node.createdIndex)
      put.bind(5, node.modifiedIndex)
      put.bind(6, node.deadline?.nanoseconds)
      try put.run()
    }
    try self.setMeta("index", Int64(index), in: db)
    try db.execute(
      sql: "DELETE FROM events WHERE idx <= ?",
      arguments: [Int64(index) - Int64(EventHistory.capacity)])
  }

  static func setMeta(
    _ name: String, _ value: any DatabaseValueConvertible, in db: GRDB.Database
  ) throws {
    try db.cachedStatement(sql: "INSERT OR REPLACE INTO meta VALUES (?, ?)")
      .execute(arguments: [name, value])
  }

  /// UTF-8 as TEXT, anything else as BLOB; see ``PreparedStatement/bind(_:_:)``.
  static func text(_ bytes: [UInt8]) -> DatabaseValue {
    bytes.withUnsafeBytes(UTF8Sequence.isText)
      ? String(decoding: bytes, as: UTF8.self).databaseValue : Data(bytes).databaseValue
  }

  // MARK: Reading

  /// What the tables hold.
  struct Contents {
    var tree: KeyTree
    var history: EventHistory
    /// What the tree has of the events, and `nodes` not yet.
    var backlog: Backlog
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

  /// Reads everything, carries out again what `nodes` has not got yet, and looks whether it all fits
  /// together.
  /// - Throws: ``Contradiction``.
  static func read(_ db: GRDB.Database) throws -> Contents {
    var tree = KeyTree(index: self.index(try self.meta("index", in: db) ?? 0 as Int64))
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
      guard path.depth <= StorePath.maxDepth else {
        throw Contradiction(
          description:
            "nodes: a key has \(path.depth) components, \(StorePath.maxDepth) is the most")
      }
      guard tree.restore(node, at: path) else {
        throw Contradiction(description: "nodes: \(path) is in no directory")
      }
      guard node.modifiedIndex <= tree.index else {
        throw Contradiction(description: "nodes: \(path) is newer than the index \(tree.index)")
      }
    }
    let index = try self.index(in: db)
    let events = try Row.fetchAll(db, sql: "SELECT * FROM events ORDER BY idx").map(self.event)
    guard zip(events.reversed(), 0...).allSatisfy({ $0.index == index - $1 }) else {
      throw Contradiction(description: "events: a gap, or an end that is not the index \(index)")
    }
    var backlog = Backlog()
    for event in events where event.index > tree.index {
      guard let change = tree.redo(event) else {
        throw Contradiction(
          description: "events: \(event.index) cannot follow on the nodes of index \(tree.index)")
      }
      backlog.add(change)
    }
    return Contents(
      tree: tree, history: EventHistory(events: events, lastIndex: index), backlog: backlog,
      auth: try self.readAuth(db))
  }

  /// Reads everything, and notes down what this run needs to leave for the next one.
  static func recover(
    _ db: GRDB.Database, reading: StoreClock.Reading
  ) throws -> Database.Recovered {
    let contents = try self.read(db)
    try self.fold(contents.backlog, upTo: contents.tree.index, in: db)
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
  /// least.
  static func noteTime(_ time: StoreTime, in db: GRDB.Database) throws {
    try self.setMeta("store_time", time.nanoseconds, in: db)
  }

  /// Lets a copy that is brought back go on at an index that was not given out before, and forget its
  /// events, which lie on the other side of the gap.
  static func goOn(beyond index: UInt64, by jump: UInt64, in db: GRDB.Database) throws {
    let contents = try self.read(db)
    try self.fold(contents.backlog, upTo: contents.tree.index, in: db)
    let newIndex = max(index, contents.tree.index) + jump
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
