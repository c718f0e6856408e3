import Foundation
import GRDB
import SeededRandom
import TestSupport
import Testing

@testable import KVStore

/// Damage on disk is refused with its place, or it has touched nothing: never a wrong answer.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct DamageTests {
  private static let now = StoreTime(nanoseconds: 1_700_000_000_000_000_000)

  /// A store that was killed: what was acknowledged last is in the log alone.
  private struct Killed {
    let directory: String
    var tree: KeyTree
    var revisions: RevisionTree
    let events: [Event]

    init(_ directory: String, changes count: Int = 300) throws {
      self.directory = directory
      let (database, recovered) = try KVStore.Database.open(.directory(directory))
      self.tree = recovered.tree
      self.revisions = recovered.revisions
      var backlog = Backlog(tree: self.tree, revisions: self.revisions)
      var history = recovered.history
      for number in 0..<count {
        let path = StorePath("/d\(number % 7)/k\(number % 40)")
        let value = [UInt8]("\(number)".utf8) + [UInt8](repeating: 0x61, count: number % 90)
        let change = try #require(
          try self.tree.apply(.set(path, .init(value: value)), now: DamageTests.now))
        for command in Self.commands(number) {
          _ = try self.revisions.apply(command, now: DamageTests.now)
        }
        let revisionChanges = self.revisions.takeChanges()
        try database.commit([change], revisionChanges, at: DamageTests.now)
        history.append(change.event)
        backlog.add([change], tree: self.tree)
        backlog.add(revisionChanges, revisions: self.revisions)
        if number == count / 3 || number == count / 2 {
          try database.write(
            Fold(
              backlog: backlog, history: history, position: database.beginFold(),
              time: DamageTests.now))
          backlog = Backlog(tree: self.tree, revisions: self.revisions)
        }
      }
      self.events = Array(history.events)
      // The files as they are, without an end of the store.
      try FileManager.default.copyItem(atPath: directory, toPath: directory + "-killed")
      try database.close()
    }

    /// Of v3: leases, puts with and without one, deletions.
    private static func commands(_ number: Int) -> [RevisionCommand] {
      var put = PutRequest(
        RevisionKey("k\(number % 20)".utf8), value: [UInt8](repeating: 0x62, count: number % 60))
      put.lease = number > 10 && number % 3 == 0 ? Int64(number / 50 + 1) : 0
      switch number % 10 {
      case 0 where number % 50 == 0:
        return [.grant(id: Int64(number / 50 + 1), ttl: 60), .put(put)]
      case 5: return [.delete(DeleteRequest(KeyRange(put.key, end: RevisionKey([]))))]
      default: return [.put(put)]
      }
    }

    /// A copy to be damaged.
    func copy(_ body: (String) throws -> Void) throws {
      let copy = self.directory + "-copy"
      try FileManager.default.copyItem(atPath: self.directory + "-killed", toPath: copy)
      defer { try? FileManager.default.removeItem(atPath: copy) }
      try body(copy)
    }

    /// What a start makes of a directory: the whole keyspace, or a refusal.
    func start(_ directory: String) -> (isWhole: Bool, error: StartError?) {
      do throws(StartError) {
        let (database, recovered) = try KVStore.Database.open(.directory(directory))
        defer { try? database.close() }
        let isWhole =
          Self.nodes(recovered.tree) == Self.nodes(self.tree)
          && Array(recovered.history.events) == self.events
          && Keyspace(recovered.revisions) == Keyspace(self.revisions)
        return (isWhole, nil)
      } catch {
        return (false, error)
      }
    }

    static func nodes(_ tree: KeyTree) -> [StorePath: TreeNode] {
      var nodes: [StorePath: TreeNode] = [:]
      tree.forEach { nodes[$0] = $1.withoutChildren }
      return nodes
    }
  }

  private static let files = ["kvstore.db", "kvstore.db-wal", "log.0", "log.1", "acknowledged"]

  /// `ZWEIMASTER_DAMAGE` flips and half as many cuts, or twenty.
  private static let count =
    ProcessInfo.processInfo.environment["ZWEIMASTER_DAMAGE"].flatMap { Int($0) } ?? 20

  @Test func aFlippedBitIsRefusedOrHasTouchedNothing() async throws {
    try await onThreadOfItsOwn(in: { directory in
      let killed = try Killed(directory + "/data")
      var random = SeededGenerator(seed: 17)
      var (refused, whole) = (0, 0)
      for _ in 0..<Self.count {
        try killed.copy { copy in
          let file = try #require(Self.files.randomElement(using: &random))
          let path = "\(copy)/\(file)"
          var bytes = try Data(contentsOf: URL(filePath: path))
          // Where something is: the files of the log are mostly zeros.
          let used = bytes.indices.filter { bytes[$0] != 0 }
          let offset = try #require(used.randomElement(using: &random))
          let bit = UInt8.random(in: 0..<8, using: &random)
          bytes[offset] ^= 1 << bit
          try bytes.write(to: URL(filePath: path))
          let isChecked = (try? DataDirectory(copy).check()) != nil
          let (isWhole, error) = killed.start(copy)
          #expect(isWhole || error != nil, "\(file), byte \(offset), bit \(bit): a wrong answer")
          if let error { #expect(error.description.contains(copy), "\(error)") }
          #expect(isChecked == isWhole, "\(file), byte \(offset), bit \(bit): check")
          if isWhole { whole += 1 } else { refused += 1 }
        }
      }
      print("damage: \(Self.count) flipped bits, \(refused) refused, \(whole) touched nothing")
      #expect(refused > 0)
    })
  }

  @Test func aLogThatIsCutIsRefusedWithWhatIsLost() async throws {
    try await onThreadOfItsOwn(in: { directory in
      let killed = try Killed(directory + "/data")
      var random = SeededGenerator(seed: 18)
      var (refused, whole) = (0, 0)
      for _ in 0..<Self.count / 2 {
        try killed.copy { copy in
          let path = "\(copy)/\(["log.0", "log.1"][Int.random(in: 0...1, using: &random)])"
          let bytes = try Data(contentsOf: URL(filePath: path))
          let end = bytes.lastIndex { $0 != 0 } ?? 0
          let size = Int.random(in: 0...end, using: &random)
          try bytes.prefix(size).write(to: URL(filePath: path))
          let (isWhole, error) = killed.start(copy)
          #expect(isWhole || error != nil, "\(path) cut at \(size): a wrong answer")
          if let error {
            refused += 1
            #expect(
              size < LogHeader.size
                || Self.names(error, "index", Int64(killed.tree.index))
                  && Self.names(error, "revision", killed.revisions.revision),
              "\(error)")
          } else {
            whole += 1
          }
        }
      }
      print("damage: \(Self.count / 2) cuts, \(refused) refused, \(whole) touched nothing")
      #expect(refused > 0)
    })
  }

  /// Whether the error names the changes up to this one as lost.
  private static func names(_ error: StartError, _ name: String, _ last: Int64) -> Bool {
    error.description.matches(of: /(index|revision) (\d+ to )?(\d+)/)
      .contains { $0.1 == name && Int64($0.3) == last }
  }

  /// Who has no backup gives up what was in the log alone, and no more.
  @Test func theTablesOfADamagedStoreAreABackup() async throws {
    try await onThreadOfItsOwn(in: { directory in
      let killed = try Killed(directory + "/data")
      try killed.copy { copy in
        for name in ["log.0", "log.1"] {
          try Data(count: 1 << 16).write(to: URL(filePath: "\(copy)/\(name)"))
        }
        #expect(killed.start(copy).error != nil)
        let restored = try DataDirectory(copy).restore(from: copy + "/kvstore.db", replacing: true)
        #expect(restored.unreadable != nil)
        let (database, recovered) = try KVStore.Database.open(.directory(copy))
        defer { try? database.close() }
        #expect(recovered.tree.index > killed.tree.index)
        // As of the last update of the tables, in the middle of the changes.
        let last = Killed.nodes(recovered.tree).values.map(\.modifiedIndex).max()
        #expect(last == 151, "\(String(describing: last))")
      }
    })
  }

  /// The whole file is there, and one is not.
  @Test(arguments: Self.files)
  func aFileThatIsMissingIsNoFirstStart(file: String) async throws {
    try await onThreadOfItsOwn(in: { directory in
      let killed = try Killed(directory + "/data", changes: 20)
      for isEmpty in [false, true] {
        try killed.copy { copy in
          let path = "\(copy)/\(file)"
          try FileManager.default.removeItem(atPath: path)
          if isEmpty { try Data().write(to: URL(filePath: path)) }
          let (isWhole, error) = killed.start(copy)
          // The mark alone can be done without: what it says is in the log, too.
          #expect(isWhole == (file == "acknowledged"), "\(String(describing: error))")
          #expect((error == nil) == isWhole)
        }
      }
    })
  }

  @Test(
    arguments: [
      ([:], .new), (["lock": 0], .new), (["kvstore.db.new": 4096, "log.0": 64], .new),
      (["kvstore.db": 4096], .existing),
      (
        ["kvstore.db": 0, "kvstore.db-wal": 9000],
        .missing(reason: "kvstore.db is empty, and a store has never left it so")
      ),
      (
        ["kvstore.db-wal": 9000], .missing(reason: "kvstore.db-wal is there, and kvstore.db is not")
      ),
      (["log.1": 64], .missing(reason: "log.1 is there, and kvstore.db is not")),
      (["member": 4096], .missing(reason: "it is the data directory of an etcd")),
    ] as [([String: Int], FirstStart)])
  func missingDataAreNoFirstStart(names: [String: Int], verdict: FirstStart) {
    #expect(FirstStart(names: names) == verdict)
  }

  /// Files that a kvstore of the second version left when it was killed: its table of nodes was behind.
  @Test func aStoreOfTheSecondVersionIsBroughtUpToDate() async throws {
    try await withTemporaryDirectory { directory in
      let source = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "SQLite/VersionTwo").path
      let data = directory + "/data"
      try FileManager.default.copyItem(atPath: source, toPath: data)
      let (database, recovered) = try KVStore.Database.open(.directory(data))
      #expect(recovered.tree.index == 10)
      #expect(recovered.clusterID == 4_260_953_088_567_927_558)
      let paths = Killed.nodes(recovered.tree)
      #expect(
        Set(paths.keys)
          == Set(
            ["/a", "/a/b", "/a/c", "/lease", "/q", "/q/00000000000000000007", "/d"]
              .map { StorePath($0) } + [StorePath(Array("/".utf8) + [0xFF] + Array("bin".utf8))]))
      #expect(paths[StorePath("/a/b")]?.value == Array("3".utf8))
      #expect(paths[StorePath("/lease")]?.value == Array("x".utf8))
      #expect(recovered.tree.tally.expiring == 1)
      #expect(recovered.history.events.map(\.index) == Array(1...10))
      #expect(recovered.auth.users.count == 1 && recovered.auth.roles.count == 1)
      try database.close()
      #expect(try DataDirectory(data).check().index == 10)
    }
  }

  /// Files that a kvstore left when it was killed, before there was v3: with a log.
  @Test func aStoreOfTheThirdVersionIsBroughtUpToDate() async throws {
    try await withTemporaryDirectory { directory in
      let source = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "SQLite/VersionThree").path
      let data = directory + "/data"
      try FileManager.default.copyItem(atPath: source, toPath: data)
      #expect(try DataDirectory(data).check().index == 5)
      _ = try DataDirectory(data).backUp(to: directory + "/copy")
      let (database, recovered) = try KVStore.Database.open(.directory(data))
      #expect(recovered.tree.index == 5)
      #expect(try recovered.tree.node(at: StorePath("/a/b")).value == Array("3".utf8))
      #expect(try recovered.tree.node(at: StorePath("/a/c")).value == Array("4".utf8))
      #expect(recovered.revisions.revision == 1)
      #expect(recovered.warnings == [])
      // A damaged row is not covered up by the new version's checksums.
      try database.close()
      try FileManager.default.removeItem(atPath: data)
      try FileManager.default.copyItem(atPath: source, toPath: data)
      try await DatabaseQueue(path: data + "/kvstore.db").write {
        try $0.execute(sql: "UPDATE meta SET value = 4 WHERE name = 'index'")
      }
      let error = #expect(throws: StartError.self) {
        try KVStore.Database.open(.directory(data))
      }
      #expect(error?.description.contains("meta: a row is damaged") == true)
    }
  }

  /// Users and roles are in the tables alone, and in SQLite's own log.
  @Test func aLostChangeOfUsersIsRefused() async throws {
    try await withTemporaryDirectory { directory in
      let data = directory + "/data"
      let (database, recovered) = try KVStore.Database.open(.directory(data))
      var rules = recovered.auth
      _ = try rules.apply(
        .putUser(AuthChange.User(name: KeyName("root".utf8), passwordHash: "x", roles: [])))
      try database.commit(rules, replacing: recovered.auth)
      try FileManager.default.copyItem(atPath: data, toPath: data + "-killed")
      try database.close()
      try FileManager.default.removeItem(atPath: data + "-killed/kvstore.db-wal")
      let error = #expect(throws: StartError.self) {
        try KVStore.Database.open(.directory(data + "-killed"))
      }
      #expect(error?.description.contains("users and roles: change 1 was acknowledged") == true)
    }
  }
}

/// Work that blocks for long would hold up the tests beside it.
func onThreadOfItsOwn(
  in body: @escaping @Sendable (String) throws -> Void
) async throws {
  try await withTemporaryDirectory { directory in
    try await onThreadOfItsOwn { try body(directory) }
  }
}
