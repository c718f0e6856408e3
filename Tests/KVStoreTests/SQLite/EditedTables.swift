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
    var total = NodeTotal()
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
    try Schema.setMeta("node_count", total.count, in: db)
    try Schema.setMeta("node_checksum", Int64(bitPattern: total.checksum), in: db)
    // A row that cannot be read stays as it is.
    for event in (try? Schema.readEvents(db, checked: false)) ?? [] {
      try db.execute(
        sql: "UPDATE events SET checksum = ? WHERE idx = ?",
        arguments: [Int64(bitPattern: checksums.of(event)), Int64(event.index)])
    }
    try Schema.sealAuth(db)
  }
}
