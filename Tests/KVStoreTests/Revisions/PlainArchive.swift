import Synchronization

@testable import KVStore

/// The tables, as a dictionary.
final class PlainArchive: RevisionArchive {
  private struct Rows {
    var pairs: [Revision: KeyValue] = [:]
    var compacted: Int64 = -1
    var reads = 0
    /// What is thrown from now on.
    var error: RevisionError?
  }

  private let rows = Mutex(Rows())

  /// Fails from now on.
  func fail(_ error: RevisionError) { self.rows.withLock { $0.error = error } }

  /// How many changes were read.
  var reads: Int { self.rows.withLock { $0.reads } }

  func take(_ changes: [RevisionChange]) {
    self.rows.withLock { rows in
      for change in changes {
        switch change {
        // Nothing of the places before, which the tables do not have.
        case .put(let pair, let revision):
          rows.pairs[revision] = pair.placed(at: revision, after: nil)
        case .deletion(let key, let revision):
          rows.pairs[revision] = KeyValue(deletionOf: key, at: revision, after: nil)
        case .removal(let revision): rows.pairs[revision] = nil
        case .compaction(let revision): rows.compacted = revision
        default: break
        }
      }
    }
  }

  func changes(at revisions: [Revision], mostBytes: Int) throws(RevisionError) -> [KeyValue] {
    try self.rows.withLock { rows throws(RevisionError) in
      if let error = rows.error { throw error }
      rows.reads += revisions.count
      // As many as fit are now one, now two or three here.
      return try revisions.prefix(rows.reads % 3 + 1).map { revision throws(RevisionError) in
        guard let pair = rows.pairs[revision] else {
          throw revision.main <= rows.compacted ? .compacted : .damaged("\(revision) is missing")
        }
        return pair
      }
    }
  }
}
