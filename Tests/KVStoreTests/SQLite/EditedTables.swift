import Foundation
import GRDB

@testable import KVStore

/// Changes the tables of a store that does not run, and puts all checksums right: what a test wants to find is a
/// contradiction, not the damage.
func editTables(
  _ path: String, _ sql: String, arguments: StatementArguments = []
) async throws {
  try await DatabaseQueue(path: path).write { db in
    try db.execute(sql: sql, arguments: arguments)
    var checksums = RowChecksum()
    var total = RowTotal()
    for row in try Row.fetchAll(db, sql: "SELECT * FROM nodes") {
      let value: Data? = row["value"]
      let deadline: Int64? = row["expires"]
      let node = TreeNode(
        content: row["dir"] ? TreeNode.emptyDirectory : .value(Schema.bytes(value)),
        createdIndex: UInt64(row["created"] as Int64),
        modifiedIndex: UInt64(row["modified"] as Int64),
        deadline: deadline.map(StoreTime.init(nanoseconds:)))
      let checksum = checksums.of(StorePath(clean: Schema.bytes(row["key"])), node)
      total.replace(nil, by: checksum)
      try db.execute(
        sql: "UPDATE nodes SET checksum = ? WHERE key = ?",
        arguments: [Int64(bitPattern: checksum), row["key"] as DatabaseValue])
    }
    try Schema.setTotal("node", total, in: db)
    try sealRevisions(db)
    // A row that cannot be read stays as it is.
    for event in (try? Schema.readEvents(db, checked: false)) ?? [] {
      try db.execute(
        sql: "UPDATE events SET checksum = ? WHERE idx = ?",
        arguments: [Int64(bitPattern: checksums.of(event)), Int64(event.index)])
    }
    try Schema.sealAuth(db)
  }
}

private func sealRevisions(_ db: GRDB.Database) throws {
  var checksums = RowChecksum()
  var total = RowTotal()
  for row in try Row.fetchAll(db, sql: "SELECT * FROM revisions") {
    let revision = Revision(main: row["main"], sub: row["sub"])
    let key = RevisionKey(Schema.bytes(row["key"]))
    let pair: KeyValue? =
      row["deleted"]
      ? nil
      : KeyValue(
        key: key, value: Schema.bytes(row["value"]), createRevision: row["create_revision"] ?? 0,
        modRevision: revision.main, version: row["version"] ?? 0, lease: row["lease"] ?? 0)
    let checksum = checksums.of(revision, key, pair)
    total.replace(nil, by: checksum)
    try db.execute(
      sql: "UPDATE revisions SET checksum = ? WHERE main = ? AND sub = ?",
      arguments: [Int64(bitPattern: checksum), revision.main, revision.sub])
  }
  try Schema.setTotal("revision", total, in: db)
  total = RowTotal()
  for row in try Row.fetchAll(db, sql: "SELECT * FROM leases") {
    let lease = LeaseTable.Lease(
      id: row["id"], ttl: row["ttl"], deadline: StoreTime(nanoseconds: row["deadline"]))
    let checksum = checksums.of(lease)
    total.replace(nil, by: checksum)
    try db.execute(
      sql: "UPDATE leases SET checksum = ? WHERE id = ?",
      arguments: [Int64(bitPattern: checksum), lease.id])
  }
  try Schema.setTotal("lease", total, in: db)
}
