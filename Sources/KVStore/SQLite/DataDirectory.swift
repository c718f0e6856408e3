import Foundation
import GRDB

/// A data directory as its keeper sees it: is it whole, how to copy it, how to bring a copy back.
///
/// None of this needs a server, and a server that runs does not mind checks and copies.
public struct DataDirectory: Sendable {
  public let path: String

  public init(_ path: String) {
    self.path = path
  }

  private var file: String { self.path + "/" + Database.fileName }

  /// What is in a database.
  public struct Summary: Equatable, Sendable, CustomStringConvertible {
    public var keys = 0
    public var directories = 0
    /// The index of the last change.
    public var index: UInt64 = 0
    /// How many events a watcher can still ask for.
    public var events = 0
    /// The database's size in bytes, without what is free in its file.
    public var size = 0

    public var description: String {
      "\(self.keys) keys, \(self.directories) directories, index \(self.index), \(self.events) events, \(self.size) bytes"
    }
  }

  // MARK: Check

  /// Reads the whole database, as it is on disk at this moment, and changes nothing.
  /// - Throws: ``StartError/corrupt(_:_:)`` with all that SQLite found, at most ten things.
  public func check() throws(StartError) -> Summary {
    do {
      return try Self.inspect(try Self.openForReading(self.file), at: self.file)
    } catch {
      throw StartError(error, at: self.file)
    }
  }

  // MARK: Backup

  /// Copies the database as it is on disk at this moment into a file of its own.
  ///
  /// The file gets its name when it is whole, checked and on the disk; before that, what is there under
  /// that name stays, and without `replacing` afterwards, too, also when it came there meanwhile.
  /// - Parameter replacing: whether a file of that name may be replaced.
  public func backUp(to copy: String, replacing: Bool = false) throws(MaintenanceError) -> Summary {
    guard replacing || !DurableFile.exists(copy) else { throw .fileExists(copy) }
    let unfinished = "\(copy).unfinished-\(getpid())"
    defer { try? DurableFile.remove(unfinished) }
    do {
      let summary: Summary
      do {
        let source = try Self.openForReading(self.file)
        summary = try Self.copy(source, to: unfinished) { copy in
          try Self.inspect(copy, at: self.file)
        }
      } catch let failure as DurableFile.Failure {
        throw failure
      } catch {
        throw StartError(error, at: self.file)
      }
      if replacing {
        try DurableFile.put(unfinished, inPlaceOf: copy)
      } else {
        guard try DurableFile.put(unfinished, asNew: copy) else {
          throw MaintenanceError.fileExists(copy)
        }
      }
      return summary
    } catch let error as StartError {
      throw .store(error)
    } catch let error as MaintenanceError {
      throw error
    } catch {
      throw .file(copy, "\(error)")
    }
  }

  // MARK: Restore

  /// What a restore did.
  public struct Restoration: Equatable, Sendable {
    public var summary: Summary
    /// Where the database went that was there before, if there was one.
    public var keptAside: String?
    /// Why the index of the old database is not known, when it could not be read.
    public var unreadable: String?
  }

  /// How far beyond both the copy and the database that it replaces the index goes on.
  ///
  /// The old database may be unreadable or on another machine, and have gone on after the copy was
  /// made; an index that was once given out must not be given out again for something else. A thousand
  /// million is what etcd's guide to disaster recovery gives to `etcdutl snapshot restore
  /// --bump-revision`, which is there for the same reason: more than a day at ten thousand writes per
  /// second.
  public static let indexJump: UInt64 = 1_000_000_000

  /// Puts a copy in the place of the database; nothing is changed before the copy is known to be whole.
  ///
  /// For clients the store does not go back in silence: the index goes on at ``indexJump`` beyond the
  /// highest one that is known, and the history is emptied, so that every watcher that asks for an
  /// index from before the restore is told 401 and reads again. The cluster's number is the copy's.
  /// Keys whose time ran out since the copy was made expire at the next start.
  ///
  /// A machine that stops midway leaves the old database or the new one, never none and no mixture.
  /// - Parameter replacing: whether a database that is there may be replaced; it is kept under another
  ///   name.
  public func restore(
    from copy: String, replacing: Bool = false
  ) throws(MaintenanceError) -> Restoration {
    guard DurableFile.exists(copy) else { throw .badCopy(copy, "there is no such file") }
    let lock: DirectoryLock
    do { lock = try DirectoryLock(directory: self.path) } catch { throw .store(error) }
    defer { withExtendedLifetime(lock) {} }
    let hasOld = DurableFile.exists(self.file)
    guard replacing || !hasOld else { throw .hasData(self.path) }

    let new = self.file + ".unfinished"
    defer { for end in ["", "-journal"] { try? DurableFile.remove(new + end) } }
    var restoration = Restoration(summary: Summary())
    var oldIndex: UInt64 = 0
    if hasOld {
      do { oldIndex = try self.settleOld() } catch { restoration.unreadable = "\(error)" }
    }
    do {
      restoration.summary = try Self.copy(try Self.openForReading(copy), to: new) { queue in
        _ = try Self.inspect(queue, at: copy)
        try Schema.migrator.migrate(queue)
        try queue.write { try Schema.goOn(beyond: oldIndex, by: Self.indexJump, in: $0) }
        return try Self.inspect(queue, at: copy)
      }
    } catch let failure as DurableFile.Failure {
      throw .file(failure.path, failure.reason)
    } catch {
      throw .badCopy(copy, StartError(error, at: copy).reason)
    }
    do throws(DurableFile.Failure) {
      if hasOld { restoration.keptAside = try self.keepOldAside() }
      DurableFile.giveToOwnerOfDirectory(new)
      try DurableFile.put(new, inPlaceOf: self.file)
    } catch {
      throw .file(error.path, error.reason)
    }
    return restoration
  }

  /// Brings what is in the old database's log into its file, so that the file alone is the database.
  /// - Returns: its index.
  private func settleOld() throws -> UInt64 {
    let queue = try DatabaseQueue(path: self.file, configuration: Self.configuration)
    defer { try? queue.close() }
    return try queue.writeWithoutTransaction { db in
      try db.checkpoint(.truncate)
      return try Schema.index(in: db)
    }
  }

  /// Gives the old database a second name with the date in it. A log that could not be brought into the
  /// file, since that is damaged, goes along; it must not be there when the new file comes.
  /// - Returns: the second name.
  private func keepOldAside() throws(DurableFile.Failure) -> String {
    let date = Date.now.formatted(.iso8601.dateTimeSeparator(.standard).timeSeparator(.omitted))
    var name = "\(self.file).\(date)"
    while try !DurableFile.link(self.file, to: name) { name += "+" }
    for end in ["-wal", "-shm"] where DurableFile.exists(self.file + end) {
      _ = try DurableFile.link(self.file + end, to: name + end)
      try DurableFile.remove(self.file + end)
    }
    return name
  }

  // MARK: Helpers

  private static var configuration: Configuration {
    var configuration = Configuration()
    configuration.label = "kvstore-maintenance"
    // Somebody who starts or stops at this moment has the file for an instant.
    configuration.busyMode = .timeout(10)
    return configuration
  }

  private static func openForReading(_ path: String) throws -> DatabaseQueue {
    guard DurableFile.exists(path) else { throw StartError.unusable(path, "there is no such file") }
    var configuration = self.configuration
    configuration.readonly = true
    return try DatabaseQueue(path: path, configuration: configuration)
  }

  /// Copies a database in one step, so that it is of one moment, into one file without a log beside it,
  /// and closes that again.
  private static func copy<Result>(
    _ source: DatabaseQueue, to path: String, _ body: (DatabaseQueue) throws -> Result
  ) throws -> Result {
    try DurableFile.create(path)
    let copy = try DatabaseQueue(path: path, configuration: self.configuration)
    defer { try? copy.close() }
    try source.backup(to: copy)
    try copy.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
    return try body(copy)
  }

  /// Checks a database by SQLite's rules and by ours.
  private static func inspect(_ queue: DatabaseQueue, at path: String) throws -> Summary {
    let migrator = Schema.migrator
    let (isOurs, isTooNew, isOld) = try queue.read { db in
      (
        try !migrator.appliedIdentifiers(db).isEmpty, try migrator.hasBeenSuperseded(db),
        try !migrator.hasCompletedMigrations(db)
      )
    }
    guard isOurs else { throw StartError.unusable(path, "it is not a kvstore database") }
    guard !isTooNew else { throw StartError.tooNew(path) }
    if isOld {
      // It is brought up to date elsewhere: whoever only looks changes nothing.
      let copy = try DatabaseQueue()
      try queue.backup(to: copy)
      try migrator.migrate(copy)
      return try self.inspect(copy, at: path)
    }
    return try queue.read { db in
      let verdicts = try String.fetchAll(db, sql: "PRAGMA integrity_check(10)")
      guard verdicts == ["ok"] else {
        throw StartError.corrupt(path, verdicts.joined(separator: "; "))
      }
      let contents = try Schema.read(db)
      var summary = Summary(index: contents.tree.index)
      contents.tree.forEach { _, node in
        if node.isDirectory { summary.directories += 1 } else { summary.keys += 1 }
      }
      summary.events = Int(contents.tree.index + 1 - contents.history.startIndex)
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

/// Why a copy was not made or not brought back.
public enum MaintenanceError: Error, Equatable, CustomStringConvertible {
  /// There is a file of the copy's name already.
  case fileExists(String)
  /// There is a database already.
  case hasData(String)
  /// The file is no copy to go back to.
  case badCopy(String, String)
  /// A file cannot be written.
  case file(String, String)
  /// The data directory's database cannot be used.
  case store(StartError)

  public var description: String {
    switch self {
    case .fileExists(let path):
      "\(path) is there already: name another file, or say --force to replace it"
    case .hasData(let directory):
      "the data directory \(directory) has a database already: name another --data-dir, or say --force to replace it (it is kept under another name)"
    case .badCopy(let path, let reason):
      "cannot restore \(path): \(reason); the data directory is as it was, restore another copy"
    case .file(let path, let reason):
      "cannot write \(path): \(reason)"
    case .store(let error):
      error.description
    }
  }
}
