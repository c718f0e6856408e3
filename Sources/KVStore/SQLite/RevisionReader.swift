import GRDB
import Logging
import Synchronization

/// Reads what the v3 keyspace does not hold in memory, by a connection of its own: no reader waits for an update of the
/// tables.
final class RevisionReader: RevisionArchive {
  private let queue: DatabaseQueue
  private let logger: Logger?
  private let throttle = Mutex(LogThrottle())

  /// - Parameters:
  ///   - path: of a database with all its tables.
  ///   - logger: is told of damage.
  init(path: String, logger: Logger? = nil) throws {
    self.logger = logger
    var configuration = Configuration()
    configuration.label = "kvstore-revisions"
    configuration.readonly = true
    configuration.busyMode = .timeout(5)
    self.queue = try DatabaseQueue(path: path, configuration: configuration)
  }

  func close() throws { try self.queue.close() }

  func releaseMemory() { self.queue.releaseMemory() }

  func changes(
    at revisions: [Revision], mostBytes: Int
  ) throws(RevisionError) -> [KeyValue] {
    do {
      return try self.queue.read { try Schema.readRevisions(revisions, mostBytes: mostBytes, $0) }
    } catch {
      let problem = RevisionError(reading: error)
      if case .damaged(let what) = problem, self.throttle.withLock({ $0.admit() }) != nil {
        self.logger?.error("the tables are damaged: \(what): stop kvstore, and restore a backup")
      }
      throw problem
    }
  }
}

extension RevisionError {
  fileprivate init(reading error: any Error) {
    switch error {
    case let error as RevisionError: self = error
    case let error as GRDB.DatabaseError
    where error.resultCode == .SQLITE_CORRUPT || error.resultCode == .SQLITE_NOTADB:
      self = .damaged(error.message ?? "\(error)")
    default: self = .unavailable("cannot read the tables: \(error)")
    }
  }
}
