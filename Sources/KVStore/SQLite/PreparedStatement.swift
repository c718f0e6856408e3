import GRDB
import GRDBSQLite

/// A statement that runs for many rows, or reads many. It binds and reads bytes directly: strings and boxed values would
/// cost more than the row itself.
struct PreparedStatement {
  private let statement: OpaquePointer
  private let connection: OpaquePointer?
  /// Keeps `statement` alive.
  private let owner: Statement

  /// - Parameter sql: a constant: the connection caches the statement.
  init(_ sql: String, in db: GRDB.Database) throws {
    self.owner = try db.cachedStatement(sql: sql)
    self.statement = self.owner.sqliteStatement
    self.connection = db.sqliteConnection
  }

  /// UTF-8 as TEXT, so that an operator can read the table; other bytes, and text with a zero byte, where
  /// SQLite's functions would stop, as BLOB. `nil` stays NULL.
  func bind(_ position: Int32, _ bytes: [UInt8]?) {
    guard let bytes else { return }
    self.bind(position, bytes, isText: bytes.withUnsafeBytes(UTF8Sequence.isText))
  }

  func bind(_ position: Int32, _ bytes: [UInt8], isText: Bool) {
    _ = bytes.withUnsafeBytes { buffer in
      isText
        ? sqlite3_bind_text(
          self.statement, position, buffer.baseAddress, Int32(buffer.count), Self.copied)
        : sqlite3_bind_blob(
          self.statement, position, buffer.baseAddress, Int32(buffer.count), Self.copied)
    }
  }

  func bind(_ position: Int32, _ text: String) { self.bind(position, Array(text.utf8)) }

  func bind(_ position: Int32, _ number: Int64?) {
    if let number { sqlite3_bind_int64(self.statement, position, number) }
  }

  func bind(_ position: Int32, _ index: UInt64) {
    self.bind(position, Int64(bitPattern: index))
  }

  func bind(_ position: Int32, _ flag: Bool) { self.bind(position, flag ? 1 : 0 as Int64) }

  /// Runs it, and clears the parameters for the next row.
  func run() throws {
    try self.rows { _ in }
  }

  /// The number in the first column of the first row.
  func number() throws -> Int64? {
    var result: Int64?
    try self.rows { result = $0.number(0) }
    return result
  }

  /// One row of an answer. It is valid until the next one.
  struct Row {
    fileprivate let statement: OpaquePointer

    /// - Returns: 0 for NULL.
    func number(_ column: Int32) -> Int64 { sqlite3_column_int64(self.statement, column) }

    /// Of a text or a blob; none for NULL.
    func bytes(_ column: Int32) -> [UInt8] {
      // In this order: a text is made a blob in place.
      guard let start = sqlite3_column_blob(self.statement, column) else { return [] }
      let count = Int(sqlite3_column_bytes(self.statement, column))
      return Array(UnsafeRawBufferPointer(start: start, count: count))
    }
  }

  /// Runs it, and visits each row.
  func rows(_ body: (Row) throws -> Void) throws {
    defer {
      sqlite3_reset(self.statement)
      sqlite3_clear_bindings(self.statement)
    }
    while true {
      let code = sqlite3_step(self.statement)
      if code == SQLITE_ROW {
        try body(Row(statement: self.statement))
        continue
      }
      guard code == SQLITE_DONE else {
        throw DatabaseError(
          resultCode: ResultCode(rawValue: sqlite3_extended_errcode(self.connection)),
          message: String(cString: sqlite3_errmsg(self.connection)))
      }
      return
    }
  }

  /// `SQLITE_TRANSIENT`, a cast in a C macro: SQLite copies the bytes.
  private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
}
