import Foundation
import GRDB
import Logging
import TestSupport
import Testing

@testable import KVStore

/// Old revisions of v3, which a store reads from its tables: after a start it holds no more than each key's last change.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct RevisionReaderTests {
  private static let logger = Logger(label: "test")

  private static func number(_ sql: String, in data: String) throws -> Int? {
    var configuration = Configuration()
    configuration.busyMode = .timeout(30)
    return try DatabaseQueue(path: data + "/kvstore.db", configuration: configuration).write {
      try Int.fetchOne($0, sql: sql)
    }
  }

  private static func key(_ number: Int) -> RevisionKey { RevisionKey("k\(number % 7)".utf8) }

  /// Puts, deletions and transactions of several keys.
  private static func fill(_ store: Store) async throws {
    for number in 0..<200 {
      switch number % 10 {
      case 3:
        let range = KeyRange(self.key(number / 10), end: RevisionKey([]))
        _ = try await store.submit(.delete(DeleteRequest(range)))
      case 6:
        var txn = TxnRequest()
        txn.success = (0..<4).map {
          .put(PutRequest(self.key(number + $0), value: [UInt8(number)]))
        }
        _ = try await store.submit(.txn(txn))
      default:
        _ = try await store.submit(.put(PutRequest(self.key(number), value: [UInt8(number)])))
      }
    }
  }

  /// Everything that was, at each revision, and how it came.
  private struct Past: Equatable {
    var states: [Int64: [KeyValue]] = [:]
    var events: [RevisionEvent] = []
    var hashes: [UInt32] = []

    init(_ tree: RevisionTree) throws {
      let all = KeyRange(RevisionKey([0]), end: RevisionKey([0]))
      for revision in 2...tree.revision {
        var request = RangeRequest(all)
        request.revision = revision
        self.states[revision] = try tree.range(request).pairs
        self.hashes.append(try tree.hash(at: revision))
      }
      self.events = try tree.events(in: all, from: 2).events
    }
  }

  @Test func whatWasIsReadFromTheTables() async throws {
    try await withTemporaryDirectory { directory in
      let store = try Store(.directory(directory + "/data"), logger: Self.logger)
      try await Self.fill(store)
      let inMemory = store.currentRevisions
      #expect(inMemory.changes.archivedThrough == 0)
      let past = try Past(inMemory)
      await store.close()
      let again = try Store(.directory(directory + "/data"), logger: Self.logger)
      #expect(again.currentRevisions.changes.archivedThrough == inMemory.revision)
      #expect(try Past(again.currentRevisions) == past)
      // What is new is in memory again, and knows what was before it.
      let outcome = try await again.submit(.put(PutRequest(Self.key(0), value: [1])))
      let event = again.currentRevisions.event(at: Revision(main: outcome.revision, sub: 0))
      #expect(event?.previous == past.states[inMemory.revision]?.first { $0.key == Self.key(0) })
      await again.close()
    }
  }

  /// A reader has an older keyspace than the tables.
  @Test func whatACompactionHasGivenUpMeanwhileIsSaidToBe() async throws {
    try await withTemporaryDirectory { directory in
      let data = directory + "/data"
      var store = try Store(.directory(data), logger: Self.logger)
      try await Self.fill(store)
      await store.close()
      store = try Store(.directory(data), logger: Self.logger)
      let old = store.currentRevisions
      _ = try await store.submit(.compact(old.revision))
      try await eventually("the tables have given it up", within: .seconds(60)) {
        try Self.number("SELECT count(*) FROM revisions WHERE main < 50", in: data) == 0
      }
      var request = RangeRequest(KeyRange(Self.key(0), end: RevisionKey([])))
      request.revision = 20
      #expect(throws: RevisionError.compacted) { try old.range(request) }
      #expect(throws: RevisionError.compacted) {
        try old.events(in: request.range, from: 2)
      }
      #expect(throws: RevisionError.compacted) { try store.currentRevisions.range(request) }
      // A hash of the present is one of what is left.
      #expect(throws: RevisionError.compacted) { try old.hash(at: old.revision) }
      let now = store.currentRevisions
      let hash = try Services.hash(old, at: 0) { store.currentRevisions }
      #expect(hash == (now.revision, try now.hash(at: now.revision)))
      await store.close()
    }
  }

  /// What SQLite itself finds is damage, too, and no reason to try again.
  @Test func damagedPagesAreRefused() async throws {
    try await withTemporaryDirectory { directory in
      let data = directory + "/data"
      let store = try Store(.directory(data), logger: Self.logger)
      try await Self.fill(store)
      await store.close()
      let file = data + "/kvstore.db"
      let handle = try FileHandle(forUpdating: URL(filePath: file))
      let size = try handle.seekToEnd()
      let reader = try RevisionReader(path: file, logger: Self.logger)
      let place = Revision(main: 20, sub: 0)
      #expect(try reader.changes(at: [place], mostBytes: 1).map(\.modRevision) == [20])
      reader.releaseMemory()
      try handle.seek(toOffset: 4096)
      try handle.write(contentsOf: Data(repeating: 0xFF, count: Int(size) - 4096))
      try handle.close()
      let found = Result { () throws(RevisionError) in
        try reader.changes(at: [place], mostBytes: 1).count
      }
      guard case .failure(.damaged) = found else {
        Issue.record("\(found)")
        return
      }
      try reader.close()
    }
  }

  /// Damage that came while the store ran.
  @Test(arguments: [
    ("UPDATE revisions SET value = 'x' WHERE main = 20", "is damaged"),
    ("UPDATE revisions SET version = version + 1 WHERE main = 20", "is damaged"),
    ("UPDATE revisions SET key = 'k6' WHERE main = 20", "is damaged"),
    ("DELETE FROM revisions WHERE main = 20", "is missing"),
  ])
  func damageIsRefused(statement: String, problem: String) async throws {
    try await withTemporaryDirectory { directory in
      let data = directory + "/data"
      var store = try Store(.directory(data), logger: Self.logger)
      for number in 0..<40 {
        let put = PutRequest(Self.key(number), value: [UInt8(number)])
        _ = try await store.submit(.put(put))
      }
      await store.close()
      store = try Store(.directory(data), logger: Self.logger)
      let tree = store.currentRevisions
      _ = try Self.number(statement, in: data)
      let error = RevisionError.damaged("revisions: the row of 20 \(problem)")
      #expect(error.code == .dataLoss)
      var request = RangeRequest(KeyRange(RevisionKey([0]), end: RevisionKey([0])))
      for revision in 2...40 as ClosedRange<Int64> {
        request.revision = revision
        let found = Result { () throws(RevisionError) in try tree.range(request).pairs.count }
        // Seven keys: another change of this one's key comes seven revisions later.
        let isWhole = !(20..<27).contains(revision)
        #expect(found == (isWhole ? .success(min(7, Int(revision) - 1)) : .failure(error)))
      }
      #expect(throws: error) { try tree.events(in: request.range, from: 2) }
      #expect(try tree.events(in: request.range, from: 21, wantsPrevious: false).events.count == 21)
      #expect(throws: error) { try tree.hash(at: tree.revision) }
      await store.close()
    }
  }
}
