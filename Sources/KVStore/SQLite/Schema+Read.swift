import Foundation
import GRDB

extension Schema {
  /// The contents of the tables.
  struct Contents {
    var tree: KeyTree
    var revisions: RevisionTree
    /// Rows that a compaction has given up.
    var obsolete: [Revision]
    var history: EventHistory
    var auth: AuthRules
    var access: AccessRules
    /// The last batch that the tables have.
    var position: LogRecovery.Position
    /// `nil` before the first start.
    var logID: UInt64?
    var authRevision: UInt64
  }

  /// Reads all tables, and checks that the rows are whole and agree.
  /// - Parameter progress: gets how many more rows have been read, now and then.
  /// - Throws: ``Contradiction``.
  static func read(
    _ db: GRDB.Database, progress: (Int) -> Void = { _ in }
  ) throws -> Contents {
    try self.checkSeal(db)
    let tree = try self.readNodes(db, checked: true, progress: progress)
    let events = try self.readEvents(db, checked: true)
    let first: UInt64 = try self.meta("first_event", in: db) ?? tree.index + 1
    guard events.count == Int(tree.index + 1 - min(first, tree.index + 1)),
      zip(events, 0...).allSatisfy({ $0.index == first + $1 })
    else {
      throw Contradiction(
        description: "events: they are not those of index \(first) to \(tree.index)")
    }
    let (revisions, obsolete) = try self.readRevisions(db, progress: progress)
    return Contents(
      tree: tree, revisions: revisions, obsolete: obsolete,
      history: EventHistory(events: events, lastIndex: tree.index),
      auth: try self.readAuth(db), access: try self.readAccess(db),
      position: LogRecovery.Position(
        number: try self.meta("log_batch", in: db) ?? 0,
        checksum: try self.meta("log_checksum", in: db) ?? 0),
      logID: try self.meta("log_id", in: db),
      authRevision: try self.meta("auth_revision", in: db) ?? 0)
  }

  /// How many rows there are of which there may be millions, as they were counted when they were written.
  static func rowCount(_ db: GRDB.Database) throws -> Int {
    try self.total("node", in: db).count + self.total("revision", in: db).count
  }

  /// So many rows are told of at a time.
  static let rowsPerStep = 1_024

  static func readNodes(
    _ db: GRDB.Database, checked: Bool, progress: (Int) -> Void = { _ in }
  ) throws -> KeyTree {
    var tree = KeyTree(index: try self.meta("index", in: db) ?? 0)
    var total = RowTotal()
    var checksums = RowChecksum()
    // In this order a directory comes before its children.
    let rows = try Row.fetchCursor(
      db,
      sql: "SELECT key, dir, value, created, modified, expires, checksum FROM nodes ORDER BY key")
    while let row = try rows.next() {
      let path = StorePath(clean: self.bytes(row[0]))
      let node = TreeNode(
        content: row[1] ? TreeNode.emptyDirectory : .value(self.bytes(row[2])),
        createdIndex: self.index(row[3]), modifiedIndex: self.index(row[4]),
        deadline: self.time(row[5]))
      if checked {
        let checksum = checksums.of(path, node)
        guard checksum == self.index(row[6]) else {
          throw Contradiction(description: "nodes: the row of \(path) is damaged")
        }
        total.replace(nil, by: checksum)
        if total.count.isMultiple(of: self.rowsPerStep) { progress(self.rowsPerStep) }
      }
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
    let expected = try self.total("node", in: db)
    guard !checked || total == expected else {
      throw Contradiction(
        description:
          "nodes: \(total.count) rows, and \(expected.count) were written; or one is of another time"
      )
    }
    return tree
  }

  static func readEvents(_ db: GRDB.Database, checked: Bool) throws -> [Event] {
    var checksums = RowChecksum()
    return try Row.fetchAll(db, sql: "SELECT * FROM events ORDER BY idx").map { row in
      let event = try self.event(row)
      guard !checked || checksums.of(event) == self.index(row["checksum"]) else {
        throw Contradiction(description: "events: the row of index \(event.index) is damaged")
      }
      return event
    }
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
    return Event(action, node: node, prevNode: previous, isRefresh: row["refresh"])
  }

  private static func index(_ value: Int64) -> UInt64 { UInt64(bitPattern: value) }
  private static func time(_ value: Int64?) -> StoreTime? {
    value.map(StoreTime.init(nanoseconds:))
  }
}
