import Foundation
import GRDB

/// A data directory in the hands of its operator: check, backup, restore.
///
/// None of these needs a server. Check and backup also work while one runs.
public struct DataDirectory: Sendable {
  public let path: String

  /// The directory need not exist before a restore.
  public init(_ path: String) {
    self.path = path
  }

  private var file: String { self.path + "/" + Database.fileName }

  /// The contents of a database, in numbers.
  public struct Summary: Equatable, Sendable, CustomStringConvertible {
    /// Keys with a value.
    public var keys = 0
    /// Without the root.
    public var directories = 0
    /// The index of the last change.
    public var index: UInt64 = 0
    /// Events in the history, which a watcher can ask for.
    public var events = 0
    /// Keys of the v3 API.
    public var revisionKeys = 0
    /// Of the v3 API.
    public var revision: Int64 = 1
    public var leases = 0
    /// In bytes, without the free pages of the file.
    public var size = 0

    public var description: String {
      """
      \(self.keys) keys, \(self.directories) directories, index \(self.index), \(self.events) events; \
      v3: \(self.revisionKeys) keys, revision \(self.revision), \(self.leases) leases; \(self.size) bytes
      """
    }
  }

  // MARK: Check

  /// Reads the whole database as it is on disk, with its log, and changes nothing.
  /// - Parameter progress: is told how far it is.
  /// - Throws: ``StartError/corrupt(_:_:)`` with up to ten findings of SQLite, or with what is lost.
  public func check(
    progress: @escaping (MaintenanceProgress) -> Void = { _ in }
  ) throws(StartError) -> Summary {
    let work = MaintenanceWork([.checking, .reading], progress)
    do {
      return try self.reading(work) { queue, log in
        try Self.inspect(queue, log, at: self.file, work)
      }
    } catch {
      throw StartError(error, at: self.file)
    }
  }

  /// Opens the database, and reads the log before the tables: what a server writes to the tables meanwhile is
  /// more than the log had.
  private func reading<Result>(
    _ work: MaintenanceWork, _ body: (DatabaseQueue, ChangeLog.Files?) throws -> Result
  ) throws -> Result {
    var attempts = 5
    while true {
      work.restart()
      let queue = try Self.openForReading(self.file)
      try Self.checkVersion(queue, at: self.file)
      do {
        let logID: UInt64? = try queue.read { try Schema.meta("log_id", in: $0) }
        return try body(queue, try logID.map { try ChangeLog.read(self.path, logID: $0) })
      } catch let damage as LogRecovery.Damage {
        // A server may have begun its other file between two reads.
        attempts -= 1
        guard attempts > 0 else { throw damage }
      }
    }
  }

  // MARK: Backup

  /// Copies the database as it is on disk to a file.
  ///
  /// The file gets its name once it is complete, checked and synced. An older file of that name stays until
  /// then; without `replacing` it is kept, even if it appeared meanwhile.
  /// - Parameters:
  ///   - copy: the path of the file.
  ///   - replacing: whether it may exist.
  ///   - progress: is told how far it is.
  public func backUp(
    to copy: String, replacing: Bool = false,
    progress: @escaping (MaintenanceProgress) -> Void = { _ in }
  ) throws(MaintenanceError) -> Summary {
    guard replacing || !DurableFile.exists(copy) else { throw .fileExists(copy) }
    let unfinished = Self.unfinishedBackup(copy)
    let work = MaintenanceWork([.copying, .checking, .reading, .finishing], progress)
    defer { for file in Self.withJournal(unfinished) { try? DurableFile.remove(file) } }
    do {
      let summary = try self.reading(work) { source, log in
        try Self.copy(source, to: unfinished, work) { copy in
          let summary = try Self.inspect(copy, log, at: self.file, work)
          try Self.settle(copy, log, work)
          return summary
        }
      }
      if replacing {
        try DurableFile.put(unfinished, inPlaceOf: copy)
      } else if try !DurableFile.put(unfinished, asNew: copy) {
        throw MaintenanceError.fileExists(copy)
      }
      return summary
    } catch let error as MaintenanceError {
      throw error
    } catch let failure as DurableFile.Failure {
      throw .file(copy, "\(failure)")
    } catch {
      throw .store(StartError(error, at: self.file))
    }
  }

  /// The files that a backup of this process leaves behind when the process is killed meanwhile.
  public static func unfinishedFiles(ofBackup copy: String) -> [String] {
    self.withJournal(self.unfinishedBackup(copy))
  }

  private static func unfinishedBackup(_ copy: String) -> String {
    "\(copy).unfinished-\(getpid())"
  }

  /// A copy of a database with a write-ahead log has one as well, until it is told otherwise.
  private static func withJournal(_ file: String) -> [String] {
    ["", "-journal", "-wal", "-shm"].map { file + $0 }
  }

  // MARK: Restore

  /// The same for a restore.
  public var unfinishedFiles: [String] { Self.withJournal(self.file + ".unfinished") }

  /// The result of a restore.
  public struct Restoration: Equatable, Sendable {
    /// Of the restored database.
    public var summary: Summary
    /// The new path of the database that was there before, if any.
    public var keptAside: String?
    /// Why the old database's index is unknown, if it could not be read.
    public var unreadable: String?
  }

  /// A restore adds this to the index and to v3's revision, so that none is used for two changes.
  ///
  /// The old database may be unreadable or on another machine, with changes after the backup. A thousand
  /// million, more than a day at ten thousand writes per second, is what etcd's guide to disaster recovery
  /// gives `etcdutl snapshot restore --bump-revision`, for the same reason.
  public static let indexJump: UInt64 = 1_000_000_000

  /// Replaces the database by a backup. Nothing changes before the backup is checked.
  ///
  /// Clients notice: the index continues ``indexJump`` beyond the highest known one, and the history is
  /// empty, so that a watcher asking for an index from before the restore gets 401 and reads again. The
  /// cluster id is the backup's. Keys whose TTL ended since the backup expire at the next start.
  ///
  /// A crash midway leaves the old database or the new one, whole.
  /// - Parameters:
  ///   - copy: the path of a file that ``backUp(to:replacing:progress:)`` made.
  ///   - replacing: whether an existing database may be replaced; it is kept under another name.
  ///   - progress: is told how far it is.
  public func restore(
    from copy: String, replacing: Bool = false,
    progress: @escaping (MaintenanceProgress) -> Void = { _ in }
  ) throws(MaintenanceError) -> Restoration {
    guard DurableFile.exists(copy) else { throw .badCopy(copy, "there is no such file") }
    let lock: DirectoryLock
    do { lock = try DirectoryLock(directory: self.path) } catch { throw .store(error) }
    defer { withExtendedLifetime(lock) {} }
    let hasOld = DurableFile.exists(self.file)
    guard replacing || !hasOld else { throw .hasData(self.path) }

    let new = self.file + ".unfinished"
    defer { for file in self.unfinishedFiles { try? DurableFile.remove(file) } }
    let work = MaintenanceWork(
      [.copying, .checking, .reading, .finishing, .checking, .reading], progress)
    var restoration = Restoration(summary: Summary())
    var old = (index: 0 as UInt64, revision: 1 as Int64)
    if hasOld {
      do { old = try self.settleOld() } catch { restoration.unreadable = "\(error)" }
    }
    let (oldIndex, oldRevision) = old
    do {
      restoration.summary = try Self.copy(
        try Self.openForReading(copy), to: new, work
      ) { queue in
        try Self.checkVersion(queue, at: copy)
        _ = try Self.inspect(queue, nil, at: copy, work)
        try Self.settle(queue, nil, work)
        try queue.write {
          try Schema.advance(beyond: oldIndex, oldRevision, by: Self.indexJump, in: $0)
        }
        return try Self.inspect(queue, nil, at: copy, work)
      }
    } catch let failure as DurableFile.Failure {
      throw .file(failure.path, failure.reason)
    } catch {
      throw .badCopy(copy, StartError(error, at: copy).reason)
    }
    do throws(DurableFile.Failure) {
      if hasOld {
        restoration.keptAside = try self.keepOldAside(withLog: restoration.unreadable != nil)
      }
      DurableFile.giveToOwnerOfDirectory(new)
      try DurableFile.put(new, inPlaceOf: self.file)
    } catch {
      throw .file(error.path, error.reason)
    }
    return restoration
  }

  /// Writes the old database's log into its file, so that the file alone is the database.
  /// - Returns: its index and its revision.
  private func settleOld() throws -> (index: UInt64, revision: Int64) {
    let (database, recovered) = try Database.open(self.path, lock: nil)
    try database.close()
    return (recovered.tree.index, recovered.revisions.revision)
  }

  /// Links the old database to a name with the date. The log of a damaged file goes along; it must not
  /// stand beside the new file.
  /// - Parameter withLog: also links the store's own log, which a damaged database needs.
  /// - Returns: the new name.
  private func keepOldAside(withLog: Bool) throws(DurableFile.Failure) -> String {
    let date = Date.now.formatted(.iso8601.dateTimeSeparator(.standard).timeSeparator(.omitted))
    var name = "\(self.file).\(date)"
    while try !DurableFile.link(self.file, to: name) { name += "+" }
    for end in ["-wal", "-shm"] where DurableFile.exists(self.file + end) {
      _ = try DurableFile.link(self.file + end, to: name + end)
      try DurableFile.remove(self.file + end)
    }
    let log = ChangeLog.fileNames + [ChangeLog.markName]
    for end in log where withLog && DurableFile.exists(self.path + "/" + end) {
      _ = try DurableFile.link(self.path + "/" + end, to: "\(name).\(end)")
    }
    return name
  }

  // MARK: Files

  private static var configuration: Configuration {
    var configuration = Configuration()
    configuration.label = "kvstore-maintenance"
    // A server that starts or stops locks the file for an instant.
    configuration.busyMode = .timeout(10)
    return configuration
  }

  private static func openForReading(_ path: String) throws -> DatabaseQueue {
    guard DurableFile.exists(path) else { throw StartError.unusable(path, "there is no such file") }
    var configuration = self.configuration
    configuration.readonly = true
    return try DatabaseQueue(path: path, configuration: configuration)
  }

  /// So many pages at a time are copied.
  private static let pagesPerStep: Int32 = 1_000

  /// Copies a database in one transaction, so that it is consistent, to one file without a log.
  private static func copy<Result>(
    _ source: DatabaseQueue, to path: String, _ work: MaintenanceWork,
    _ body: (DatabaseQueue) throws -> Result
  ) throws -> Result {
    try DurableFile.create(path)
    let copy = try DatabaseQueue(path: path, configuration: self.configuration)
    defer { try? copy.close() }
    try source.read { db in
      // The first read begins the transaction: without it each step would copy what is newest then.
      let pageSize = try Int.fetchOne(db, sql: "SELECT page_size FROM pragma_page_size") ?? 0
      let pages = try Int.fetchOne(db, sql: "SELECT page_count FROM pragma_page_count") ?? 0
      work.begin(of: pages * pageSize)
      try copy.writeWithoutTransaction { copy in
        try db.backup(to: copy, pagesPerStep: self.pagesPerStep) { _ in
          work.advance(by: Int(self.pagesPerStep) * pageSize)
        }
      }
    }
    try copy.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
    return try body(copy)
  }

  /// - Throws: ``StartError`` for a file of another program or of a newer version.
  private static func checkVersion(_ queue: DatabaseQueue, at path: String) throws {
    let migrator = Schema.migrator
    let (isOurs, isTooNew) = try queue.read { db in
      (try !migrator.appliedIdentifiers(db).isEmpty, try migrator.hasBeenSuperseded(db))
    }
    guard isOurs else { throw StartError.unusable(path, "it is not a kvstore database") }
    guard !isTooNew else { throw StartError.tooNew(path) }
  }

  /// Brings a copy up to date, so that it needs no log.
  private static func settle(
    _ copy: DatabaseQueue, _ log: ChangeLog.Files?, _ work: MaintenanceWork
  ) throws {
    try Schema.migrator.migrate(copy)
    var contents = try copy.read { try Self.contents($0, work) }
    let redone = try Redone(&contents, log)
    let history = contents.history
    try copy.write { db in
      let time: Int64 = try Schema.meta("store_time", in: db) ?? 0
      try db.execute(sql: "DELETE FROM meta WHERE name = 'log_id'")
      try Schema.write(
        Fold(
          backlog: redone.backlog, history: history, position: .start,
          time: redone.time ?? StoreTime(nanoseconds: time)),
        to: db)
    }
  }

  /// Reads all rows.
  private static func contents(
    _ db: GRDB.Database, _ work: MaintenanceWork
  ) throws -> Schema.Contents {
    work.begin(of: try Schema.rowCount(db))
    return try Schema.read(db, progress: work.advance)
  }

  /// Checks SQLite's rules and ours.
  private static func inspect(
    _ queue: DatabaseQueue, _ log: ChangeLog.Files?, at path: String, _ work: MaintenanceWork
  ) throws -> Summary {
    guard try queue.read(Schema.migrator.hasCompletedMigrations) else {
      // A check changes nothing: migrate a copy in memory.
      let copy = try DatabaseQueue()
      try queue.backup(to: copy)
      try Schema.migrator.migrate(copy)
      return try self.inspect(copy, log, at: path, work)
    }
    return try queue.read { db in
      work.begin()
      let verdicts = try String.fetchAll(db, sql: "PRAGMA integrity_check(10)")
      guard verdicts == ["ok"] else {
        throw StartError.corrupt(path, verdicts.joined(separator: "; "))
      }
      var contents = try Self.contents(db, work)
      _ = try Redone(&contents, log)
      var summary = Summary(index: contents.tree.index)
      contents.tree.forEach { _, node in
        if node.isDirectory { summary.directories += 1 } else { summary.keys += 1 }
      }
      summary.events = contents.history.events.count
      summary.revisionKeys = contents.revisions.pairs.count
      summary.revision = contents.revisions.revision
      summary.leases = contents.revisions.leases.count
      let pages =
        try Int.fetchOne(
          db,
          sql: """
            SELECT (page_count - freelist_count) * page_size
            FROM pragma_page_count, pragma_freelist_count, pragma_page_size
            """)
      summary.size = pages ?? 0
      return summary
    }
  }
}
