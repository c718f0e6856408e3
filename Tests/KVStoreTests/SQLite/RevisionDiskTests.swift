import Foundation
import GRDB
import SeededRandom
import TestSupport
import Testing

@testable import KVStore

/// The v3 keyspace on disk: whatever was done, and wherever the store was killed, a start finds it.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct RevisionDiskTests {
  /// A store's writer and its files, one step at a time.
  private final class Bench {
    let directory: String
    private let database: KVStore.Database
    private var loop: WriterLoop
    /// Of an update of the tables that is under way.
    private var fold: Fold?
    private let history: EventHistory
    var now: StoreTime
    private(set) var isClosed = false

    init(_ directory: String) throws {
      self.directory = directory
      var recovered: KVStore.Database.Recovered
      (self.database, recovered) = try KVStore.Database.open(.directory(directory))
      // What is old soon leaves memory.
      recovered.revisions.changes.halfWindow = 4_000
      self.history = recovered.history
      self.loop = WriterLoop(
        Backlog(
          tree: recovered.tree, revisions: recovered.revisions, obsolete: recovered.obsolete))
      self.now = recovered.clock.now
    }

    var revisions: RevisionTree { self.loop.revisions }

    /// Carries out the steps up to a wait.
    /// - Returns: whether there is nothing more to do at this time.
    @discardableResult
    func carryOut(_ commands: [RevisionCommand] = [], isClosing: Bool = false) throws -> Bool {
      self.loop.received([], commands, isClosing: isClosing, at: self.now)
      while true {
        switch self.loop.next(at: self.now) {
        case .wait(let until): return until.map { $0 > self.now } ?? true
        case .commit(let changes, let revisionChanges, let time):
          try self.database.commit(changes, revisionChanges, at: time)
          self.loop.committed(at: self.now)
        case .publish, .publishRevisions, .answer: break
        case .fold(let backlog):
          self.fold = Fold(
            backlog: backlog, history: self.history, position: self.database.beginFold(),
            time: self.now)
        case .close:
          try self.database.close()
          self.isClosed = true
          return true
        }
      }
    }

    /// - Parameter fails: nothing of it is on disk.
    func finishFold(fails: Bool = false) throws {
      guard let fold = self.fold.take() else { return }
      if fails {
        self.loop.foldFailed(at: self.now)
      } else {
        try self.database.write(fold)
        self.loop.folded()
      }
    }

    func close() throws {
      while !self.isClosed {
        try self.carryOut(isClosing: true)
        try self.finishFold()
      }
    }

    /// What a start finds after `kill -9` at this moment, and the time of that start.
    func afterAKill<Result>(
      _ body: (KVStore.Database.Recovered, StoreTime) throws -> Result
    ) throws -> Result {
      let copy = self.directory + "-copy"
      try FileManager.default.copyItem(atPath: self.directory, toPath: copy)
      defer { try? FileManager.default.removeItem(atPath: copy) }
      _ = try DataDirectory(copy).check()
      let reading = StoreClock.Reading.now
      let (database, recovered) = try KVStore.Database.open(.directory(copy), reading: reading)
      defer { try? database.close() }
      return try body(recovered, recovered.clock.time(sinceBoot: reading.sinceBoot))
    }

    func rows<Value: DatabaseValueConvertible>(_ sql: String) throws -> [Value] {
      try DatabaseQueue(path: self.directory + "/kvstore.db").read {
        try Value.fetchAll($0, sql: sql)
      }
    }
  }

  private struct Requests {
    var random: SeededGenerator

    mutating func number(_ range: ClosedRange<Int64>) -> Int64 {
      Int64.random(in: range, using: &self.random)
    }

    mutating func key() -> RevisionKey {
      // Some are no UTF-8.
      RevisionKey(
        [[0x6B], [0xFF], [0x6B, 0]][Int(self.number(0...2))] + [UInt8(self.number(97...104))])
    }

    mutating func range() -> KeyRange {
      KeyRange(
        self.key(), end: [RevisionKey([]), RevisionKey([0]), self.key()][Int(self.number(0...2))])
    }

    mutating func put() -> PutRequest {
      var put = PutRequest(
        self.key(),
        value: [UInt8](repeating: UInt8(self.number(0...255)), count: Int(self.number(0...40))))
      put.lease = self.number(0...1) * self.number(1...6)
      return put
    }

    mutating func command(_ tree: RevisionTree) -> RevisionCommand {
      switch self.number(0...19) {
      case 0...8: return .put(self.put())
      case 9...10: return .delete(DeleteRequest(self.range()))
      case 11...13:
        var txn = TxnRequest()
        txn.comparisons = [TxnCompare(self.range())]
        txn.success = [.delete(DeleteRequest(self.range()))]
        txn.failure = (0..<3).map { _ in .put(self.put()) }
        return .txn(txn)
      case 14: return .compact(tree.compacted + self.number(1...20))
      case 15...16: return .grant(id: self.number(1...6), ttl: self.number(2...20))
      case 17: return .revoke(self.number(1...6))
      default: return .keepAlive(self.number(1...6))
      }
    }
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func whateverWasDoneIsThereAfterAKill(seed: UInt64) async throws {
    try await onThreadOfItsOwn(in: { directory in
      var requests = Requests(random: SeededGenerator(seed: seed))
      var bench = try Bench(directory + "/data")
      for step in 0..<400 {
        let commands = (0..<requests.number(0...4)).map { _ in requests.command(bench.revisions) }
        try bench.carryOut(commands)
        bench.now = StoreTime(
          nanoseconds: bench.now.nanoseconds + requests.number(0...1_500_000_000))
        if requests.number(0...2) == 0 { try bench.finishFold(fails: requests.number(0...4) == 0) }
        guard requests.number(0...9) == 0 else { continue }
        let before = bench.revisions
        try bench.afterAKill { recovered, start in
          #expect(
            Keyspace(recovered.revisions) == Keyspace(before), "seed \(seed), step \(step)")
          // Whole again: somebody may have been told of a renewal just before.
          for id in before.leaseIDs {
            let lease = try #require(recovered.revisions.leases[id])
            #expect(lease.deadline == start.advanced(bySeconds: UInt64(lease.ttl)))
          }
        }
        guard requests.number(0...4) == 0 else { continue }
        let time = bench.now
        try bench.close()
        let deadlines = bench.revisions.leaseIDs.map { bench.revisions.leases[$0]?.deadline }
        var revisions = bench.revisions
        let reader = try RevisionReader(path: directory + "/data/kvstore.db")
        revisions.changes.archive = reader
        let closed = Keyspace(revisions)
        try reader.close()
        bench = try Bench(directory + "/data")
        bench.now = time
        #expect(Keyspace(bench.revisions) == closed, "seed \(seed), step \(step)")
        #expect(bench.revisions.leaseIDs.map { bench.revisions.leases[$0]?.deadline } == deadlines)
      }
      // Once all is swept and written, the tables have what can be read, and no row more.
      for _ in 0..<5 {
        while try !bench.carryOut() { try bench.finishFold() }
        try bench.finishFold()
        bench.now = bench.now.advanced(bySeconds: 6)
      }
      let readable = Keyspace(bench.revisions).versions.values.map(\.count).reduce(0, +)
      #expect(try bench.rows("SELECT count(*) FROM revisions") == [readable])
      #expect(try bench.rows("SELECT id FROM leases") == bench.revisions.leaseIDs)
      try bench.close()
    })
  }

  /// As an operator sees them.
  @Test func theRowsCanBeRead() async throws {
    try await withTemporaryDirectory { directory in
      let bench = try Bench(directory + "/data")
      var leased = PutRequest(RevisionKey("a".utf8), value: Array("2".utf8))
      leased.lease = 7
      try bench.carryOut([
        .put(PutRequest(RevisionKey("a".utf8), value: Array("1".utf8))), .grant(id: 7, ttl: 5),
        .put(leased), .put(PutRequest(RevisionKey([0xFF]), value: [])),
        .delete(DeleteRequest(KeyRange(RevisionKey([0xFF]), end: RevisionKey([])))),
      ])
      let deadline = bench.revisions.leases[7]?.deadline.nanoseconds
      try bench.close()
      #expect(
        try bench.rows(
          """
          SELECT main || ' ' || sub || ' ' || typeof(key) || ' ' || quote(key) || ' ' || quote(value)
            || ' ' || quote(create_revision) || ' ' || quote(version) || ' ' || quote(lease)
            || ' ' || deleted
          FROM revisions
          """)
          == [
            "2 0 text 'a' '1' 2 1 0 0", "3 0 text 'a' '2' 2 2 7 0",
            "4 0 blob X'FF' '' 4 1 0 0", "5 0 blob X'FF' NULL NULL NULL NULL 1",
          ])
      #expect(
        try bench.rows("SELECT id || ' ' || ttl || ' ' || deadline FROM leases")
          == ["7 5 \(deadline ?? 0)"])
      #expect(
        try bench.rows(
          """
          SELECT key || '=' || value FROM
            (SELECT key, value, max(main) FROM revisions GROUP BY key HAVING NOT deleted)
          """) == ["a=2"])
    }
  }

  /// Somebody else's edits and a disk's: the row is named, or what it contradicts.
  @Test(arguments: [
    ("UPDATE revisions SET value = 'x' WHERE main = 3", "revisions: the row of 3 is damaged"),
    (
      "UPDATE revisions SET lease = 8 WHERE main = 4 AND sub = 1",
      "revisions: the row of 4.1 is damaged"
    ),
    ("UPDATE leases SET ttl = 6", "leases: the row of 7 is damaged"),
    (
      "DELETE FROM leases", "leases: 0 rows, and 1 were written; or one is of another time"
    ),
    ("UPDATE meta SET value = 9 WHERE name = 'compacted'", "meta: a row is damaged"),
  ])
  func aDamagedRowIsNamed(sql: String, reason: String) async throws {
    try await self.isRefused(for: reason) { path in
      try await DatabaseQueue(path: path).write { try $0.execute(sql: sql) }
    }
  }

  @Test(arguments: [
    ("DELETE FROM revisions WHERE main = 3", "revisions: 3 is missing"),
    ("DELETE FROM revisions WHERE main = 5", "revisions: 5 is missing, and so is all up to 5"),
    ("DELETE FROM revisions WHERE main = 4 AND sub = 0", "revisions: 4 is missing"),
    (
      "UPDATE revisions SET version = 9 WHERE main = 3",
      "revisions: 3 cannot follow on what its key was before"
    ),
    (
      "UPDATE revisions SET create_revision = 3 WHERE main = 3",
      "revisions: 3 cannot follow on what its key was before"
    ),
    (
      "UPDATE revisions SET key = 'z' WHERE main = 5",
      "revisions: 5 cannot follow on what its key was before"
    ),
    (
      "UPDATE meta SET value = 4 WHERE name = 'revision'", "revisions: 5 is not among those up to 4"
    ),
    ("DELETE FROM leases", "revisions: 4 has the lease 7, which is not there"),
    (
      "UPDATE meta SET value = 6 WHERE name = 'compacted'",
      "revisions: 6 was compacted, and 5 is the last one"
    ),
  ])
  func aContradictionInTheTablesIsNamed(sql: String, reason: String) async throws {
    try await self.isRefused(for: reason) { path in try await editTables(path, sql) }
  }

  /// 2: a, 3: a again, 4: b and c with a lease, 5: b is deleted.
  private func isRefused(
    for reason: String, after edit: (_ path: String) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { directory in
      let path = directory + "/data/kvstore.db"
      do {
        let bench = try Bench(directory + "/data")
        let (a, b) = (RevisionKey("a".utf8), RevisionKey("b".utf8))
        var leased = PutRequest(RevisionKey("c".utf8))
        leased.lease = 7
        var txn = TxnRequest()
        txn.success = [.put(PutRequest(b)), .put(leased)]
        try bench.carryOut([
          .put(PutRequest(a)), .put(PutRequest(a)), .grant(id: 7, ttl: 5), .txn(txn),
          .delete(DeleteRequest(KeyRange(b, end: RevisionKey([])))),
        ])
        try bench.close()
      }
      try await edit(path)
      let data = directory + "/data"
      #expect(throws: StartError.corrupt(path, reason)) { try DataDirectory(data).check() }
      #expect(throws: StartError.corrupt(path, reason)) {
        try KVStore.Database.open(.directory(data))
      }
    }
  }

  /// A restore gives out no revision twice, and a watcher from before reads again.
  @Test func aRestoredBackupGoesOnBeyondAllKnownRevisions() async throws {
    try await withTemporaryDirectory { directory in
      let (data, copy) = (directory + "/data", directory + "/copy")
      let put = RevisionCommand.put(PutRequest(RevisionKey("a".utf8)))
      do {
        let bench = try Bench(data)
        try bench.carryOut([.grant(id: 7, ttl: 5), put, put])
        #expect(try DataDirectory(data).backUp(to: copy).revision == 3)
        try bench.carryOut([put, put, .grant(id: 8, ttl: 5)])
        try bench.close()
      }
      let restored = try DataDirectory(data).restore(from: copy, replacing: true)
      let revision = 5 + Int64(DataDirectory.indexJump)
      #expect(restored.summary.revision == revision)
      #expect(restored.summary.leases == 1 && restored.summary.revisionKeys == 1)
      let bench = try Bench(data)
      #expect(bench.revisions.revision == revision)
      for former in [2, 3, 5, 6] as [Int64] {
        #expect(throws: RevisionError.compacted) {
          try bench.revisions.events(
            in: KeyRange(RevisionKey([0]), end: RevisionKey([0])), from: former)
        }
      }
      #expect(bench.revisions.pairs.count == 1)
      try bench.carryOut([put])
      #expect(bench.revisions.revision == revision + 1)
      #expect(try bench.afterAKill { recovered, _ in recovered.revisions.revision } == revision + 1)
      try bench.close()
    }
  }
}
