import Foundation
import GRDB

/// The keyspace on disk: the one place that knows SQLite.
///
/// A batch of changes is one transaction, on disk when `commit` returns (write-ahead log, `synchronous=FULL`).
/// It writes the events; the rows of the nodes follow later, with
/// ``fold(_:upTo:at:)``, once in a while, and after a crash out of the events. The calls block; they belong on the writer's thread.
final class Database: Sendable {
  enum Location: Sendable {
    case memory
    case directory(String)
  }

  /// The contents at a start.
  struct Recovered {
    var tree: KeyTree
    var history: EventHistory
    var auth: AuthRules
    var clock: StoreClock
    /// Never changes: for clients another id is another cluster.
    var clusterID: UInt64
  }

  static let fileName = "kvstore.db"

  private let queue: DatabaseQueue
  /// Keeps a second process out of the directory.
  private let lock: DirectoryLock?

  private init(queue: DatabaseQueue, lock: DirectoryLock?) {
    self.queue = queue
    self.lock = lock
  }

  /// Opens or creates the database and reads it.
  /// - Parameters:
  ///   - migrator: of the tables.
  ///   - reading: of the machine's clocks.
  static func open(
    _ location: Location, migrator: DatabaseMigrator = Schema.migrator,
    reading: StoreClock.Reading = .now
  ) throws(StartError) -> (Database, Recovered) {
    var lock: DirectoryLock?
    var path = "memory"
    do {
      var configuration = Configuration()
      configuration.label = "kvstore"
      let queue: DatabaseQueue
      switch location {
      case .memory: queue = try DatabaseQueue(configuration: configuration)
      case .directory(let directory):
        path = directory + "/" + self.fileName
        lock = try DirectoryLock(directory: directory)
        configuration.journalMode = .wal
        queue = try DatabaseQueue(path: path, configuration: configuration)
      }
      // GRDB sets NORMAL for a write-ahead log, which can lose the last commits in a power cut.
      try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
      let verdict = try queue.read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
      guard verdict == "ok" else { throw StartError.corrupt(path, verdict ?? "no verdict") }
      if try queue.read(migrator.hasBeenSuperseded) { throw StartError.tooNew(path) }
      try migrator.migrate(queue)
      let recovered = try queue.write { try Schema.recover($0, reading: reading) }
      return (Database(queue: queue, lock: lock), recovered)
    } catch {
      throw StartError(error, at: path)
    }
  }

  /// Commits a batch, all or nothing.
  func commit(_ changes: [Change]) throws {
    try self.transaction { try Schema.append(changes, to: $0) }
  }

  /// Brings the nodes up to date, and notes down what time it is. Without it nothing is lost.
  /// - Parameter index: of the last change in the backlog; of the last one of all if that is empty.
  func fold(_ backlog: Backlog, upTo index: UInt64, at now: StoreTime) throws {
    try self.transaction { db in
      try Schema.fold(backlog, upTo: index, in: db)
      try Schema.noteTime(now, in: db)
    }
  }

  /// Like GRDB's, with cached statements: at one change per transaction they matter.
  private func transaction(_ body: (GRDB.Database) throws -> Void) throws {
    try self.queue.writeWithoutTransaction { db in
      try db.cachedStatement(sql: "BEGIN IMMEDIATE").execute()
      do {
        try body(db)
        try db.cachedStatement(sql: "COMMIT").execute()
      } catch {
        // After some errors SQLite has already rolled back.
        if db.isInsideTransaction { try? db.cachedStatement(sql: "ROLLBACK").execute() }
        throw error
      }
    }
  }

  /// Commits changed users and roles, all or none.
  func commit(_ rules: AuthRules, replacing old: AuthRules) throws {
    try self.queue.write { try Schema.write(rules, replacing: old, to: $0) }
  }

  /// Writes back the log, closes the file and releases the directory.
  func close() throws {
    defer { self.lock?.release() }
    try self.queue.close()
  }
}
