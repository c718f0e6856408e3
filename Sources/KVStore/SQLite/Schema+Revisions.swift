import Foundation
import GRDB

/// The tables of the v3 keyspace: a row for each change of a key that can still be read, and one for each lease.
///
/// meta: revision, compacted, revision_count, revision_checksum, lease_count, lease_checksum, leases_settled: whether
/// the deadlines are exact, since the store was stopped in good order.
extension Schema {
  static func addRevisionTables(to db: GRDB.Database) throws {
    // A new checksum must not hide that a row was damaged.
    try self.checkSeal(db)
    try db.execute(
      sql: """
        -- One row for each change of a key.
        CREATE TABLE revisions (
          main INTEGER NOT NULL,         -- the revision
          sub INTEGER NOT NULL,          -- the change's place in it
          key TEXT NOT NULL,
          value TEXT,                    -- NULL, as the next three, for a deletion
          create_revision INTEGER,
          version INTEGER,
          lease INTEGER,                 -- 0 for none
          deleted INTEGER NOT NULL,
          checksum INTEGER NOT NULL,
          PRIMARY KEY (main, sub)
        ) WITHOUT ROWID;

        CREATE TABLE leases (
          id INTEGER NOT NULL PRIMARY KEY,
          ttl INTEGER NOT NULL,          -- seconds
          deadline INTEGER NOT NULL,     -- nanoseconds since 1970 on the store's clock
          checksum INTEGER NOT NULL
        );
        """)
    try self.setMeta("revision", 1, in: db)
    try self.setMeta("compacted", -1, in: db)
    try self.seal(db)
  }

  // MARK: Writing

  static func writeRevisions(_ backlog: Backlog, to db: GRDB.Database) throws {
    var total = try self.total("revision", in: db)
    let gone = Set(backlog.removals)
    var checksums = RowChecksum()
    let insert = try PreparedStatement(
      """
      INSERT INTO revisions (main, sub, key, value, create_revision, version, lease, deleted,
        checksum)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
      """, in: db)
    for change in backlog.revisionChanges {
      guard let revision = change.revision, let key = change.key, !gone.contains(revision) else {
        continue
      }
      let pair: KeyValue? = if case .put(let pair, _) = change { pair } else { nil }
      let checksum = checksums.of(revision, key, pair)
      insert.bind(1, revision.main)
      insert.bind(2, revision.sub)
      insert.bind(3, key.bytes)
      insert.bind(4, pair?.value)
      insert.bind(5, pair?.createRevision)
      insert.bind(6, pair?.version)
      insert.bind(7, pair?.lease)
      insert.bind(8, pair == nil)
      insert.bind(9, checksum)
      try insert.run()
      total.replace(nil, by: checksum)
    }
    let find = try PreparedStatement(
      "SELECT checksum FROM revisions WHERE main = ? AND sub = ?", in: db)
    let remove = try PreparedStatement(
      "DELETE FROM revisions WHERE main = ? AND sub = ?", in: db)
    for revision in backlog.removals {
      for statement in [find, remove] {
        statement.bind(1, revision.main)
        statement.bind(2, revision.sub)
      }
      total.replace(try find.number().map(UInt64.init(bitPattern:)), by: nil)
      try remove.run()
    }
    try self.setTotal("revision", total, in: db)
    try self.setMeta("revision", backlog.revisions.revision, in: db)
    try self.setMeta("compacted", backlog.revisions.compacted, in: db)
  }

  static func writeLeases(_ backlog: Backlog, to db: GRDB.Database) throws {
    var total = try self.total("lease", in: db)
    var checksums = RowChecksum()
    let find = try PreparedStatement("SELECT checksum FROM leases WHERE id = ?", in: db)
    let put = try PreparedStatement("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)", in: db)
    let remove = try PreparedStatement("DELETE FROM leases WHERE id = ?", in: db)
    for id in backlog.leases.sorted() {
      find.bind(1, id)
      let lease = backlog.revisions.leases[id]
      let after = lease.map { checksums.of($0) }
      total.replace(try find.number().map(UInt64.init(bitPattern:)), by: after)
      if let lease, let after {
        put.bind(1, id)
        put.bind(2, lease.ttl)
        put.bind(3, lease.deadline.nanoseconds)
        put.bind(4, after)
        try put.run()
      } else {
        remove.bind(1, id)
        try remove.run()
      }
    }
    try self.setTotal("lease", total, in: db)
  }

  // MARK: Reading

  /// Reads the keyspace of v3, and checks that the rows are whole and agree.
  /// - Returns: also the rows that a compaction has given up.
  /// - Throws: ``Contradiction``.
  static func readRevisions(
    _ db: GRDB.Database, progress: (Int) -> Void = { _ in }
  ) throws -> (tree: RevisionTree, obsolete: [Revision]) {
    var loader = RevisionTree.Loader(
      revision: try self.meta("revision", in: db) ?? 1,
      compacted: try self.meta("compacted", in: db) ?? -1, staysArchived: true)
    var (total, checksums) = (RowTotal(), RowChecksum())
    // There may be millions.
    let statement = try PreparedStatement(
      "\(self.selectRevisions) ORDER BY main, sub", in: db)
    try statement.rows { row in
      let revision = Revision(main: row.number(0), sub: row.number(1))
      let (key, pair, checksum) = try self.revision(revision, row, &checksums)
      total.replace(nil, by: checksum)
      if total.count.isMultiple(of: self.rowsPerStep) { progress(self.rowsPerStep) }
      if let problem = loader.add(key, pair, at: revision) {
        throw Contradiction(description: "revisions: \(problem)")
      }
    }
    try self.check(total, "revision", "revisions", in: db)
    try self.readLeases(db, &loader)
    if let problem = loader.finish() { throw Contradiction(description: "revisions: \(problem)") }
    return (loader.tree, loader.obsolete)
  }

  private static let selectRevisions =
    "SELECT main, sub, key, value, create_revision, version, lease, deleted, checksum FROM revisions"

  /// - Returns: also the row's checksum; `nil` for the pair of a deletion.
  /// - Throws: ``Contradiction``.
  private static func revision(
    _ revision: Revision, _ row: PreparedStatement.Row, _ checksums: inout RowChecksum
  ) throws -> (key: RevisionKey, pair: KeyValue?, checksum: UInt64) {
    let key = RevisionKey(row.bytes(2))
    var pair: KeyValue?
    if row.number(7) == 0 {
      pair = KeyValue(
        key: key, value: row.bytes(3), createRevision: row.number(4),
        modRevision: revision.main, version: row.number(5), lease: row.number(6))
    }
    let checksum = checksums.of(revision, key, pair)
    guard checksum == UInt64(bitPattern: row.number(8)) else {
      throw Contradiction(description: "revisions: the row of \(revision) is damaged")
    }
    return (key, pair, checksum)
  }

  /// Reads some rows, in the order of the revisions asked for: all, or as many as fit.
  /// - Parameter mostBytes: of keys and values, but for the last one.
  /// - Throws: ``RevisionError``, and what SQLite says.
  static func readRevisions(
    _ revisions: [Revision], mostBytes: Int, _ db: GRDB.Database
  ) throws -> [KeyValue] {
    let statement = try PreparedStatement(
      "\(self.selectRevisions) WHERE main = ? AND sub = ?", in: db)
    var (pairs, checksums, byteCount) = ([KeyValue](), RowChecksum(), 0)
    for place in revisions where byteCount <= mostBytes {
      var found: KeyValue?
      statement.bind(1, place.main)
      statement.bind(2, place.sub)
      do {
        try statement.rows { row in
          let (key, pair, _) = try self.revision(place, row, &checksums)
          found =
            pair?.placed(at: place, after: nil) ?? KeyValue(deletionOf: key, at: place, after: nil)
        }
      } catch let contradiction as Contradiction {
        throw RevisionError.damaged(contradiction.description)
      }
      guard let found else {
        let compacted: Int64 = try self.meta("compacted", in: db) ?? -1
        throw place.main <= compacted
          ? RevisionError.compacted
          : RevisionError.damaged("revisions: the row of \(place) is missing")
      }
      byteCount += found.key.bytes.count + found.value.count
      pairs.append(found)
    }
    return pairs
  }

  private static func readLeases(_ db: GRDB.Database, _ loader: inout RevisionTree.Loader) throws {
    var (total, checksums) = (RowTotal(), RowChecksum())
    let rows = try Row.fetchCursor(db, sql: "SELECT id, ttl, deadline, checksum FROM leases")
    while let row = try rows.next() {
      let lease = LeaseTable.Lease(
        id: row[0], ttl: row[1], deadline: StoreTime(nanoseconds: row[2]))
      let checksum = checksums.of(lease)
      guard checksum == UInt64(bitPattern: row[3]) else {
        throw Contradiction(description: "leases: the row of \(lease.id) is damaged")
      }
      total.replace(nil, by: checksum)
      loader.add(lease)
    }
    try self.check(total, "lease", "leases", in: db)
  }

  private static func check(
    _ total: RowTotal, _ row: String, _ table: String, in db: GRDB.Database
  ) throws {
    let expected = try self.total(row, in: db)
    guard total == expected else {
      throw Contradiction(
        description:
          "\(table): \(total.count) rows, and \(expected.count) were written; or one is of another time"
      )
    }
  }
}
