import GRDB

extension Schema {
  /// Writes one row per change at the end of one table. This makes the changes durable;
  /// ``fold(_:upTo:in:)`` brings the nodes up to date.
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
      // Unbound parameters are NULL.
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

  /// Brings the nodes up to date, and deletes events that the history no longer keeps.
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

  /// Writes the store's time: its clock does not start before it after the next boot.
  static func noteTime(_ time: StoreTime, in db: GRDB.Database) throws {
    try self.setMeta("store_time", time.nanoseconds, in: db)
  }

  /// Moves a restored backup to an unused index, and deletes its events: they lie before the gap.
  static func advanceIndex(beyond index: UInt64, by jump: UInt64, in db: GRDB.Database) throws {
    let contents = try self.read(db)
    try self.fold(contents.backlog, upTo: contents.tree.index, in: db)
    let newIndex = max(index, contents.tree.index) + jump
    try db.execute(sql: "DELETE FROM events")
    try self.setMeta("index", Int64(newIndex), in: db)
  }
}
