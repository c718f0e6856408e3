import GRDB

/// What the tables get in one transaction.
struct Fold: Sendable {
  var backlog: Backlog
  /// As of the backlog's last change.
  var history: EventHistory
  /// The batch of that change.
  var position: LogRecovery.Position
  var time: StoreTime
}

extension Schema {
  /// Brings the tables up to date.
  static func write(_ fold: Fold, to db: GRDB.Database) throws {
    try self.writeRevisions(fold.backlog, to: db)
    try self.writeLeases(fold.backlog, to: db)
    try self.setMeta("leases_settled", fold.backlog.isLast, in: db)
    try self.writeTree(fold, to: db)
  }

  /// Writes what is of v2, and of both.
  static func writeTree(_ fold: Fold, to db: GRDB.Database) throws {
    try self.writeNodes(fold.backlog, to: db)
    try self.writeEvents(fold.history, to: db)
    try self.setMeta("index", Int64(bitPattern: fold.backlog.tree.index), in: db)
    try self.setMeta("log_batch", Int64(bitPattern: fold.position.number), in: db)
    try self.setMeta("log_checksum", Int64(bitPattern: fold.position.checksum), in: db)
    try self.setMeta("store_time", fold.time.nanoseconds, in: db)
    try self.seal(db)
  }

  private static func writeNodes(_ backlog: Backlog, to db: GRDB.Database) throws {
    var total = try self.total("node", in: db)
    // A directory's keys are all removed, and those that came afterwards are among the paths.
    for directory in backlog.removedDirectories {
      try self.removeKeys(below: directory, &total, in: db)
    }
    var checksums = RowChecksum()
    let find = try PreparedStatement("SELECT checksum FROM nodes WHERE key = ?", in: db)
    let put = try PreparedStatement(
      """
      INSERT OR REPLACE INTO nodes (key, dir, value, created, modified, expires, checksum)
      VALUES (?, ?, ?, ?, ?, ?, ?)
      """, in: db)
    let remove = try PreparedStatement("DELETE FROM nodes WHERE key = ?", in: db)
    for (path, node) in backlog.nodes {
      find.bind(1, path.bytes)
      let before = try find.number().map(UInt64.init(bitPattern:))
      let after = node.map { checksums.of(path, $0) }
      guard before != after else { continue }
      total.replace(before, by: after)
      guard let node, let after else {
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
      put.bind(7, after)
      try put.run()
    }
    try self.setTotal("node", total, in: db)
  }

  /// A text sorts before any other bytes, so there are two ranges of keys.
  private static func removeKeys(
    below directory: StorePath, _ total: inout RowTotal, in db: GRDB.Database
  ) throws {
    let range = "FROM nodes WHERE key > ? AND key < ?"
    let find = try PreparedStatement("SELECT checksum \(range)", in: db)
    let remove = try PreparedStatement("DELETE \(range)", in: db)
    let (first, end) = (
      directory.bytes + [StorePath.slash], directory.bytes + [StorePath.slash + 1]
    )
    for isText in first.withUnsafeBytes(UTF8Sequence.isText) ? [true, false] : [false] {
      for statement in [find, remove] {
        statement.bind(1, first, isText: isText)
        statement.bind(2, end, isText: isText)
      }
      try find.rows { total.replace(UInt64(bitPattern: $0.number(0)), by: nil) }
      try remove.run()
    }
  }

  private static func writeEvents(_ history: EventHistory, to db: GRDB.Database) throws {
    let last = try Int64.fetchOne(db, sql: "SELECT max(idx) FROM events") ?? 0
    try db.execute(
      sql: "DELETE FROM events WHERE idx < ?", arguments: [Int64(bitPattern: history.startIndex)])
    let statement = try PreparedStatement(
      """
      INSERT INTO events (idx, action, refresh, key, dir, value, created, expires, ttl, prev_dir,
        prev_value, prev_created, prev_modified, prev_expires, prev_ttl, checksum)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """, in: db)
    var checksums = RowChecksum()
    for event in history.events where event.index > UInt64(bitPattern: last) {
      let (node, prev) = (event.node, event.prevNode)
      statement.bind(1, event.index)
      statement.bind(2, event.action.rawValue)
      statement.bind(3, event.isRefresh)
      statement.bind(4, node.path.bytes)
      statement.bind(5, node.isDirectory)
      statement.bind(6, node.value)
      statement.bind(7, node.createdIndex)
      statement.bind(8, node.deadline?.nanoseconds)
      statement.bind(9, node.ttl)
      // Unbound parameters are NULL.
      if let prev {
        statement.bind(10, prev.isDirectory)
        statement.bind(11, prev.value)
        statement.bind(12, prev.createdIndex)
        statement.bind(13, prev.modifiedIndex)
        statement.bind(14, prev.deadline?.nanoseconds)
        statement.bind(15, prev.ttl)
      }
      statement.bind(16, checksums.of(event))
      try statement.run()
    }
    try self.setMeta("first_event", Int64(bitPattern: history.startIndex), in: db)
  }

  /// Moves a restored backup to an unused index and revision, and deletes its events: they lie before the gap.
  /// Watchers of v3 from before it are told that their revision has been compacted.
  static func advance(
    beyond index: UInt64, _ revision: Int64, by jump: UInt64, in db: GRDB.Database
  ) throws {
    let own: UInt64 = try self.meta("index", in: db) ?? 0
    let newIndex = max(index, own) + jump
    try self.setMeta("index", Int64(newIndex), in: db)
    try self.writeEvents(EventHistory(lastIndex: newIndex), to: db)
    let newRevision = max(revision, try self.meta("revision", in: db) ?? 1) + Int64(jump)
    try self.setMeta("revision", newRevision, in: db)
    try self.setMeta("compacted", newRevision, in: db)
    // A log that lies in the directory is that of the database before.
    try self.setMeta("restored", true, in: db)
    try self.seal(db)
  }
}

/// How many rows a table has, and the sum of their checksums: so that a row that is missing, or one of another time,
/// is seen.
struct RowTotal: Equatable {
  var count = 0
  var checksum: UInt64 = 0

  mutating func replace(_ before: UInt64?, by after: UInt64?) {
    self.count += (after == nil ? 0 : 1) - (before == nil ? 0 : 1)
    self.checksum &+= (after ?? 0) &- (before ?? 0)
  }
}
