import GRDB

/// Reads what the v3 keyspace does not hold in memory, by a connection of its own: no reader waits for an update of the
/// tables.
final class RevisionReader: RevisionArchive {
  private let queue: DatabaseQueue

  /// - Parameter path: of a database with all its tables.
  init(path: String) throws {
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
    } catch let error as RevisionError {
      throw error
    } catch {
      throw .unavailable("cannot read the tables: \(error)")
    }
  }
}
