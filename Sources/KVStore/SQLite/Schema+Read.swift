import Foundation
import GRDB

extension Schema {
  /// The contents of the tables.
  struct Contents {
    var tree: KeyTree
    var history: EventHistory
    /// Changes that the tree has from the events and `nodes` has not.
    var backlog: Backlog
    var auth: AuthRules
  }

  /// The index of the last change.
  static func index(in db: GRDB.Database) throws -> UInt64 {
    let last = try Int64.fetchOne(db, sql: "SELECT max(idx) FROM events") ?? 0
    return UInt64(max(last, try self.meta("index", in: db) ?? 0))
  }

  /// Reads all tables, redoes the changes that `nodes` lacks, and checks that the rows agree.
  /// - Throws: ``Contradiction``.
  static func read(_ db: GRDB.Database) throws -> Contents {
    var tree = KeyTree(index: self.index(try self.meta("index", in: db) ?? 0 as Int64))
    // In this order a directory comes before its children.
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

  /// Reads all tables, and writes what the next start needs to know of this one.
  static func recover(
    _ db: GRDB.Database, reading: StoreClock.Reading
  ) throws -> Database.Recovered {
    let contents = try self.read(db)
    try self.fold(contents.backlog, upTo: contents.tree.index, in: db)
    var record = StoreClock.Record(
      bootID: try self.meta("boot_id", in: db), offset: try self.meta("clock_offset", in: db),
      lastKnown: try self.meta("store_time", in: db))
    for event in contents.history.events { record.saw(event) }
    let clock = StoreClock(continuing: record, at: reading)
    try self.setMeta("boot_id", clock.bootID, in: db)
    try self.setMeta("clock_offset", clock.offset, in: db)
    try self.noteTime(clock.time(sinceBoot: reading.sinceBoot), in: db)

    let clusterID = try self.meta("cluster_id", in: db) as Int64? ?? Int64.random(in: 1 ... .max)
    try self.setMeta("cluster_id", clusterID, in: db)
    return Database.Recovered(
      tree: contents.tree, history: contents.history, auth: contents.auth, clock: clock,
      clusterID: UInt64(bitPattern: clusterID))
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

  private static func index(_ value: Int64) -> UInt64 { UInt64(bitPattern: value) }
  private static func time(_ value: Int64?) -> StoreTime? {
    value.map(StoreTime.init(nanoseconds:))
  }
}
