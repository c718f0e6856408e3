import CLinux
import Foundation
import GRDB
import Logging

/// The store on disk: the tables, which SQLite keeps, and the log of the changes that they lack.
///
/// A batch of changes is one record of the log, on disk when ``commit(_:at:)`` returns. The tables follow, with
/// ``write(_:)``, on another thread, and after a crash out of the log. The calls block.
final class Database: Sendable {
  enum Location: Sendable {
    case memory
    case directory(String)
  }

  /// The contents at a start.
  struct Recovered {
    var tree: KeyTree
    var revisions: RevisionTree
    /// Rows that a compaction has given up, and that are still in the tables.
    var obsolete: [Revision]
    var history: EventHistory
    var auth: AuthRules
    var access: AccessRules
    var alarms: Set<Alarms.Alarm>
    var clock: StoreClock
    /// Never changes: for clients another id is another cluster.
    var clusterID: UInt64
    /// For the log.
    var warnings: [String] = []
  }

  static let fileName = "kvstore.db"
  /// Until the first start has made all of it.
  static let newFileName = "kvstore.db.new"

  private let queue: DatabaseQueue
  /// `nil` in memory.
  private let reader: RevisionReader?
  /// `nil` in memory.
  private let log: ChangeLog?
  /// Keeps a second process out of the directory.
  private let lock: DirectoryLock?

  private init(
    queue: DatabaseQueue, reader: RevisionReader?, log: ChangeLog?, lock: DirectoryLock?
  ) {
    self.queue = queue
    self.reader = reader
    self.log = log
    self.lock = lock
  }

  // MARK: Opening

  /// Opens or creates the database, reads it, and brings the tables up to date.
  /// - Parameters:
  ///   - migrator: of the tables.
  ///   - reading: of the machine's clocks.
  ///   - logger: is told of damage that is found later.
  static func open(
    _ location: Location, migrator: DatabaseMigrator = Schema.migrator,
    reading: StoreClock.Reading = .now, logger: Logger? = nil
  ) throws(StartError) -> (Database, Recovered) {
    switch location {
    case .memory:
      do {
        let queue = try DatabaseQueue()
        try migrator.migrate(queue)
        let recovered = try queue.write { try Schema.started($0, Schema.read($0), nil, reading) }
        return (Database(queue: queue, reader: nil, log: nil, lock: nil), recovered)
      } catch {
        throw StartError(error, at: "memory")
      }
    case .directory(let directory):
      let lock = try DirectoryLock(directory: directory)
      return try self.open(
        directory, lock: lock, migrator: migrator, reading: reading, logger: logger)
    }
  }

  /// - Parameter lock: on the directory, to be released at the end; `nil` where the caller has it.
  static func open(
    _ directory: String, lock: DirectoryLock?, migrator: DatabaseMigrator = Schema.migrator,
    reading: StoreClock.Reading = .now, logger: Logger? = nil
  ) throws(StartError) -> (Database, Recovered) {
    let path = directory + "/" + self.fileName
    do {
      switch FirstStart(names: try FirstStart.names(in: directory)) {
      case .new: try self.create(in: directory, migrator: migrator)
      case .existing: break
      case .missing(let reason): throw StartError.missing(directory, reason)
      }
      let queue = try self.connect(path)
      if try queue.read(migrator.hasBeenSuperseded) { throw StartError.tooNew(path) }
      // The one table with an index of its own, which the quick check does not look into.
      for check in ["quick_check(1)", "integrity_check(grdb_migrations)"] {
        let verdict = try queue.read { try String.fetchOne($0, sql: "PRAGMA \(check)") }
        guard verdict == "ok" else { throw StartError.corrupt(path, verdict ?? "no verdict") }
      }
      try migrator.migrate(queue)
      var contents = try queue.read { try Schema.read($0) }
      let files = try contents.logID.map { try ChangeLog.read(directory, logID: $0) }
      let redone = try Redone(&contents, files)
      let isRestored: Bool = try queue.read { try Schema.meta("restored", in: $0) } ?? false
      let logID =
        try contents.logID
        ?? self.createLog(in: directory, isRestored: isRestored, last: redone.position)
      contents.logID = logID
      let (final, time) = (contents, redone)
      var recovered = try queue.write { db in
        try Schema.setMeta("log_id", Int64(bitPattern: logID), in: db)
        try db.execute(sql: "DELETE FROM meta WHERE name = 'restored'")
        return try Schema.started(db, final, time, reading)
      }
      if files != nil, files?.mark == nil {
        recovered.warnings.append(
          "\(directory)/\(ChangeLog.markName) is missing or damaged: whether the log is complete cannot be said"
        )
      }
      let log = try ChangeLog.open(
        directory, logID: logID, last: redone.position, index: contents.tree.index,
        revision: contents.revisions.revision, authRevision: contents.authRevision)
      let reader = try RevisionReader(path: path, logger: logger)
      recovered.revisions.changes.archive = reader
      return (Database(queue: queue, reader: reader, log: log, lock: lock), recovered)
    } catch {
      throw StartError(error, at: path)
    }
  }

  /// Under another name first: a file of this name is never without its tables, and they know their log.
  private static func create(in directory: String, migrator: DatabaseMigrator) throws {
    let new = directory + "/" + self.newFileName
    for end in ["", "-wal", "-shm", "-journal"] { try DurableFile.remove(new + end) }
    try DurableFile.create(new)
    let queue = try DatabaseQueue(path: new)
    try migrator.migrate(queue)
    let logID = try ChangeLog.create(in: directory, last: .start)
    try queue.write { db in
      try Schema.setMeta("log_id", Int64(bitPattern: logID), in: db)
      try Schema.setMeta("cluster_id", Int64.random(in: 1 ... .max), in: db)
      try Schema.seal(db)
    }
    try queue.close()
    try DurableFile.put(new, inPlaceOf: directory + "/" + self.fileName)
  }

  /// Makes a log for tables that have none: of an earlier version, or of a backup.
  private static func createLog(
    in directory: String, isRestored: Bool, last: LogRecovery.Position
  ) throws -> UInt64 {
    if !isRestored, let mark = ChangeLog.mark(in: directory), mark.number > 0 {
      throw StartError.missing(
        directory, "\(self.fileName) is not the database of the log beside it")
    }
    return try ChangeLog.create(in: directory, last: last)
  }

  private static func connect(_ path: String) throws -> DatabaseQueue {
    // SQLite gives its other files the same permissions.
    chmod(path, 0o600)
    for end in ["-wal", "-shm"] { chmod(path + end, 0o600) }
    var configuration = Configuration()
    configuration.label = "kvstore"
    configuration.journalMode = .wal
    // Somebody may hold the file with `sqlite3`.
    configuration.busyMode = .timeout(5)
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    try queue.writeWithoutTransaction { db in
      // GRDB sets NORMAL for a write-ahead log, which can lose the last commits in a power cut.
      try db.execute(
        sql: """
          PRAGMA synchronous = FULL;
          PRAGMA cache_size = -65536;
          PRAGMA journal_size_limit = 67108864;
          """)
    }
    return queue
  }

  // MARK: Writing

  /// Commits a batch, all or nothing.
  /// - Parameter time: of the batch.
  func commit(
    _ changes: [Change], _ revisionChanges: [RevisionChange] = [], at time: StoreTime
  ) throws {
    try self.log?.commit(changes, revisionChanges, at: time)
  }

  /// The batch up to which the tables can be written. The next ones may go into another file of the log.
  func beginFold() -> LogRecovery.Position { self.log?.beginFold() ?? .start }

  /// Brings the tables up to date, and notes down what time it is. Without it nothing is lost.
  func write(_ fold: Fold) throws {
    guard let log else { return }
    try self.queue.write { try Schema.write(fold, to: $0) }
    log.folded(fold.position)
  }

  /// Whether the files are still those of the data directory.
  func checkPlace() throws { try self.log?.checkPlace() }

  /// Commits changed users and roles, all or none.
  func commit(_ rules: AuthRules, replacing old: AuthRules) throws {
    try self.commitAuth { try Schema.write(rules, replacing: old, to: $0) }
  }

  /// The same for v3.
  func commit(_ rules: AccessRules) throws {
    try self.commitAuth { try Schema.write(rules, to: $0) }
  }

  private func commitAuth(_ write: (GRDB.Database) throws -> Void) throws {
    try self.checkPlace()
    let revision = try self.queue.write { db in
      let revision = (try Schema.meta("auth_revision", in: db) ?? 0 as UInt64) + 1
      try Schema.setMeta("auth_revision", Int64(bitPattern: revision), in: db)
      try write(db)
      return revision
    }
    self.log?.noteAuth(revision: revision)
  }

  func commit(_ alarms: Set<Alarms.Alarm>) throws {
    try self.checkPlace()
    try self.queue.write { db in
      try Schema.setMeta(
        "v3_alarms", alarms.map(\.rawValue).sorted().joined(separator: " "), in: db)
      try Schema.seal(db)
    }
  }

  /// Gives free pages back.
  func defragment() throws { try self.queue.vacuum() }

  /// Gives SQLite's pages back, and what the allocator keeps.
  func releaseMemory() {
    self.queue.releaseMemory()
    self.reader?.releaseMemory()
    malloc_trim(0)
  }

  /// The directory of the files; `nil` in memory.
  var directory: DataDirectory? { self.log.map { DataDirectory($0.directory) } }

  /// Of the tables and the log, in bytes.
  struct Size {
    var file: Int64 = 0
    /// Without pages that are free.
    var inUse: Int64 = 0
  }

  /// Zeros when the tables cannot be read.
  var size: Size {
    (try? self.queue.read { db in
      func number(_ name: String) throws -> Int64 {
        try Int64.fetchOne(db, sql: "PRAGMA \(name)") ?? 0
      }
      let (page, count) = (try number("page_size"), try number("page_count"))
      let log = Int64(self.log?.byteCount ?? 0)
      return Size(file: page * count + log, inUse: page * (count - (try number("freelist_count"))))
    }) ?? Size()
  }

  /// Closes the file and releases the directory.
  func close() throws {
    // The directory is nobody's before both connections are closed, or cannot be.
    defer { self.lock?.release() }
    let reading = Result { try self.reader?.close() }
    try self.queue.close()
    try reading.get()
  }
}

/// The batches of the log made again on the contents of the tables.
struct Redone {
  /// What the tables lack.
  private(set) var backlog: Backlog
  private(set) var position: LogRecovery.Position
  /// Of the last batch; `nil` without one.
  private(set) var time: StoreTime?

  /// - Parameter files: `nil` for a database that has no log yet.
  /// - Throws: ``LogRecovery/Damage`` or ``Schema/Contradiction``.
  init(_ contents: inout Schema.Contents, _ files: ChangeLog.Files?) throws {
    self.backlog = Backlog(tree: contents.tree, revisions: contents.revisions)
    self.position = contents.position
    guard let files else { return }
    let recovery = try LogRecovery(
      files.contents, folded: contents.position, index: contents.tree.index,
      revision: contents.revisions.revision, mark: files.mark)
    if let mark = files.mark, mark.authRevision > contents.authRevision {
      throw Schema.Contradiction(
        description:
          "users and roles: change \(mark.authRevision) was acknowledged, and \(contents.authRevision) is the last one"
      )
    }
    self.position = recovery.last
    for record in recovery.records {
      self.time = record.time
      var changes: [Change] = []
      for logged in record.changes {
        guard let change = contents.tree.redo(logged, now: record.time) else {
          throw Schema.Contradiction(
            description:
              "log: the change of index \(contents.tree.index + 1) cannot follow on the one before")
        }
        contents.history.append(change.event)
        changes.append(change)
      }
      self.backlog.add(changes, tree: contents.tree)
      for change in record.revisionChanges {
        guard contents.revisions.redo(change) else {
          throw Schema.Contradiction(
            description:
              "log: batch \(record.number) cannot follow on revision \(contents.revisions.revision)"
          )
        }
      }
      self.backlog.add(contents.revisions.takeChanges(), revisions: contents.revisions)
    }
  }
}

extension Schema {
  /// Brings the tables up to date, and writes what the next start needs to know of this one.
  fileprivate static func started(
    _ db: GRDB.Database, _ contents: Contents, _ redone: Redone?, _ reading: StoreClock.Reading
  ) throws -> Database.Recovered {
    var record = StoreClock.Record(
      bootID: try self.meta("boot_id", in: db), offset: try self.meta("clock_offset", in: db),
      lastKnown: try self.meta("store_time", in: db))
    if let time = redone?.time { record.saw(time) }
    let clock = StoreClock(continuing: record, at: reading)
    try self.setMeta("boot_id", clock.bootID, in: db)
    try self.setMeta("clock_offset", clock.offset, in: db)
    let now = clock.time(sinceBoot: reading.sinceBoot)
    var backlog =
      redone?.backlog ?? Backlog(tree: contents.tree, revisions: contents.revisions)
    var revisions = contents.revisions
    if try !(self.meta("leases_settled", in: db) ?? false) {
      // Somebody may have been told of a renewal just before the end.
      revisions.renewAllLeases(at: now)
      backlog.add(revisions.takeChanges(), revisions: revisions)
    }
    let clusterID = try self.meta("cluster_id", in: db) as Int64? ?? Int64.random(in: 1 ... .max)
    try self.setMeta("cluster_id", clusterID, in: db)
    try self.write(
      Fold(
        backlog: backlog, history: contents.history, position: redone?.position ?? .start,
        time: now),
      to: db)
    return Database.Recovered(
      tree: contents.tree, revisions: revisions, obsolete: contents.obsolete,
      history: contents.history, auth: contents.auth, access: contents.access,
      alarms: Set(
        (try self.meta("v3_alarms", in: db) as String? ?? "").split(separator: " ")
          .compactMap { Alarms.Alarm(rawValue: String($0)) }),
      clock: clock,
      clusterID: UInt64(bitPattern: clusterID))
  }
}
