import Synchronization

@testable import KVStore

/// The tables, as a dictionary.
final class PlainArchive: RevisionArchive {
  private let rows = Mutex<(pairs: [Revision: KeyValue], reads: Int)>(([:], 0))

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
        default: break
        }
      }
    }
  }

  func changes(at revisions: [Revision], mostBytes: Int) throws(RevisionError) -> [KeyValue] {
    try self.rows.withLock { rows throws(RevisionError) in
      rows.reads += revisions.count
      // As many as fit are one here.
      return try (mostBytes < .max ? Array(revisions.prefix(1)) : revisions).map {
        revision throws(RevisionError) in
        guard let pair = rows.pairs[revision] else { throw .damaged("\(revision) is missing") }
        return pair
      }
    }
  }
}
