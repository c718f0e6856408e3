import Foundation
import GRDB
import Logging
import Testing

@testable import KVStore

@Suite struct DatabaseTests {
  private let now = StoreTime(nanoseconds: 1_700_000_000_000_000_000)

  private func open(_ directory: String) throws -> (KVStore.Database, KVStore.Database.Recovered) {
    try KVStore.Database.open(.directory(directory))
  }

  /// After a crash the table of nodes is behind the events, and the tree is whole all the same.
  @Test(arguments: [true, false])
  func whatWasCommittedIsThereAfterwards(closed: Bool) async throws {
    try await withTemporaryDirectory { directory in
      var tree = KeyTree()
      var commands: [Command] = [
        .set(StorePath("/a/b"), .init(value: [0xFF, 0x00, 0x61])),
        .set(StorePath(Array("/\u{FF}".utf8) + [0xC3]), "not UTF-8"),
        .set(StorePath("/lease"), .init(value: [0x31], deadline: self.now.advanced(bySeconds: 9))),
        .update(StorePath("/lease"), "2"), .set(StorePath("/gone/deep"), "x"),
        .delete(StorePath("/gone"), isDirectory: true, isRecursive: true),
        .createInOrder(StorePath("/q"), ""), .set(StorePath("/dir"), .init(isDirectory: true)),
      ]
      commands.append(.compareAndSwap(StorePath("/lease"), .init(index: 4), "3"))
      var changes: [Change] = []
      for command in commands {
        changes.append(try #require(try tree.apply(command, now: self.now)))
      }
      do {
        let (database, _) = try self.open(directory)
        try database.commit(Array(changes.prefix(4)), at: self.now)
        try database.commit(Array(changes.dropFirst(4)), at: self.now)
        if closed {
          try database.fold(changes, tree, at: self.now)
          try database.close()
        }
      }
      let path = directory + "/" + KVStore.Database.fileName
      let rows = try await DatabaseQueue(path: path).read {
        try Int.fetchOne($0, sql: "SELECT count(*) FROM nodes")
      }
      #expect(rows == (closed ? self.nodes(tree).count : 0))
      let (_, recovered) = try self.open(directory)
      #expect(recovered.tree.index == tree.index)
      #expect(recovered.tree.tally == tree.tally)
      #expect(self.nodes(recovered.tree) == self.nodes(tree))
      #expect(recovered.history.lastIndex == tree.index)
      for change in changes {
        let event = try recovered.history.first(
          from: change.event.index, at: change.event.node.path, isRecursive: false)
        #expect(event == change.event)
      }
    }
  }

  /// The first fold takes over what was there, the second one changes it.
  @Test func theNodesAreBroughtUpToDate() async throws {
    try await withTemporaryDirectory { directory in
      let (database, recovered) = try self.open(directory)
      defer { try? database.close() }
      var tree = recovered.tree
      var pending: [Change] = []
      func carryOut(_ commands: Command...) throws {
        let changes = try commands.map { try #require(try tree.apply($0, now: self.now)) }
        try database.commit(changes, at: self.now)
        pending += changes
      }
      func fold() throws {
        try database.fold(pending, tree, at: self.now)
        pending = []
      }
      let path = directory + "/" + KVStore.Database.fileName
      func keys() throws -> [String] {
        try DatabaseQueue(path: path).read {
          try String.fetchAll(
            $0, sql: "SELECT key || '=' || ifnull(value, '') FROM nodes ORDER BY 1")
        }
      }
      try carryOut(.set(StorePath("/a/b"), "1"), .set(StorePath("/c"), "1"))
      try carryOut(.set(StorePath("/c"), "2"), .set(StorePath("/d"), "1"))
      #expect(try keys() == [])
      try fold()
      #expect(try keys() == ["/a/b=1", "/a=", "/c=2", "/d=1"])
      try carryOut(
        .delete(StorePath("/a"), isDirectory: true, isRecursive: true),
        .delete(StorePath("/d"), isDirectory: false, isRecursive: false),
        .set(StorePath("/d"), "2"))
      try fold()
      #expect(try keys() == ["/c=2", "/d=2"])
    }
  }

  private func nodes(_ tree: KeyTree) -> [StorePath: TreeNode] {
    var nodes: [StorePath: TreeNode] = [:]
    tree.forEach { nodes[$0] = $1 }
    return nodes
  }

  @Test func aBatchLargerThanTheHistoryKeepsTheLastThousand() async throws {
    try await withTemporaryDirectory { directory in
      var tree = KeyTree()
      var changes: [Change] = []
      for number in 0..<2500 {
        let command = Command.set(StorePath("/k\(number % 7)"), "x")
        changes.append(try #require(try tree.apply(command, now: self.now)))
      }
      do {
        let (database, _) = try self.open(directory)
        try database.commit(changes, at: self.now)
        try database.fold(changes, tree, at: self.now)
        try database.close()
      }
      let (_, recovered) = try self.open(directory)
      #expect(recovered.history.startIndex == 1501)
      #expect(recovered.history.lastIndex == 2500)
    }
  }

  @Test func theClusterAndTheClockStayTheSameOverARestart() async throws {
    try await withTemporaryDirectory { directory in
      let first = try { try self.open(directory).1 }()
      let second = try { try self.open(directory).1 }()
      #expect(first.clusterID == second.clusterID)
      #expect(first.clock == second.clock)
    }
  }

  @Test func aSecondStoreOnTheSameDirectoryIsRefused() async throws {
    try await withTemporaryDirectory { directory in
      let first = try self.open(directory)
      #expect(throws: StartError.inUse(directory)) { try self.open(directory) }
      withExtendedLifetime(first) {}
    }
  }

  @Test func aDamagedFileIsRefusedByName() async throws {
    try await withTemporaryDirectory { directory in
      let path = directory + "/" + KVStore.Database.fileName
      try Data("this is no database, and long enough to be looked at".utf8)
        .write(to: URL(filePath: path))
      let error = #expect(throws: StartError.self) { try self.open(directory) }
      guard case .corrupt(path, _) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
  }

  /// A store that was closed, with two nodes, three events, a user and a role.
  private func makeStore(in directory: String) throws {
    let (database, recovered) = try self.open(directory)
    var tree = recovered.tree
    var changes: [Change] = []
    for value in ["1", "2", "3"] {
      let command = Command.set(StorePath("/a/b"), .init(value: Array(value.utf8)))
      changes.append(try #require(try tree.apply(command, now: self.now)))
    }
    try database.commit(changes, at: self.now)
    try database.fold(changes, tree, at: self.now)
    var rules = recovered.auth
    _ = try rules.apply(
      .putUser(AuthChange.User(name: KeyName("root".utf8), passwordHash: "x", roles: [])))
    try database.commit(rules, replacing: recovered.auth)
    try database.close()
  }

  private func isRefused(
    for reason: String, after edit: (_ path: String) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { directory in
      let path = directory + "/" + KVStore.Database.fileName
      try self.makeStore(in: directory)
      try await edit(path)
      #expect(throws: StartError.corrupt(path, reason)) { try self.open(directory) }
    }
  }

  /// Rows that somebody else has written, or that a disk has changed: each table notices, and says which row.
  @Test(arguments: [
    ("UPDATE nodes SET value = 'x' WHERE key = '/a/b'", "nodes: the row of /a/b is damaged"),
    (
      "DELETE FROM nodes WHERE key = '/a/b'",
      "nodes: 1 rows, and 2 were written; or one is of another time"
    ),
    ("UPDATE events SET value = 'x' WHERE idx = 2", "events: the row of index 2 is damaged"),
    ("UPDATE users SET password = 'y'", "users and roles: a row is damaged"),
    ("UPDATE meta SET value = value + 1 WHERE name = 'log_batch'", "meta: a row is damaged"),
  ])
  func aDamagedRowIsNamed(sql: String, reason: String) async throws {
    try await self.isRefused(for: reason) { path in
      try await DatabaseQueue(path: path).write { try $0.execute(sql: sql) }
    }
  }

  @Test(arguments: [
    ("DELETE FROM nodes WHERE key = '/a'", "nodes: /a/b is in no directory"),
    (
      "DELETE FROM events; UPDATE meta SET value = 1 WHERE name = 'index'",
      "nodes: /a/b is newer than the index 1"
    ),
    ("DELETE FROM events WHERE idx = 2", "events: they are not those of index 1 to 3"),
    ("DELETE FROM events WHERE idx = 1", "events: they are not those of index 1 to 3"),
    ("UPDATE events SET action = 'x'", "events: the unknown action x"),
  ])
  func aContradictionInTheTablesIsNamed(sql: String, reason: String) async throws {
    try await self.isRefused(for: reason) { path in try await editTables(path, sql) }
  }

  @Test func aFileOfANewerVersionIsRefused() async throws {
    try await withTemporaryDirectory { directory in
      let path = directory + "/" + KVStore.Database.fileName
      _ = try { try self.open(directory).1 }()
      try DatabaseQueue(path: path).write {
        try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('v999')")
      }
      #expect(throws: StartError.tooNew(path)) { try self.open(directory) }
    }
  }

  /// A file of the first version, as a program of that time left it, and a program with a version more.
  @Test func aFileOfAnOlderVersionIsBroughtUpToDate() async throws {
    try await withTemporaryDirectory { directory in
      try await DatabaseQueue(path: directory + "/" + KVStore.Database.fileName).write { db in
        try db.execute(sql: Self.versionOne)
      }
      var migrator = Schema.migrator
      migrator.registerMigration("later") { db in
        try db.execute(sql: "ALTER TABLE nodes ADD COLUMN note TEXT DEFAULT 'new'")
      }
      let (database, recovered) = try KVStore.Database.open(
        .directory(directory), migrator: migrator)
      defer { try? database.close() }
      #expect(recovered.tree.index == 2)
      #expect(recovered.clusterID == 77)
      #expect(try recovered.tree.node(at: StorePath("/a/b")).value == Array("x".utf8))
      #expect(recovered.history.startIndex == 1)
      let notes = try await DatabaseQueue(path: directory + "/" + KVStore.Database.fileName).read {
        try String.fetchAll($0, sql: "SELECT note FROM nodes")
      }
      #expect(notes == ["new", "new", "new"])
    }
  }

  /// Not made by ``Schema``, so that a change there cannot change the past.
  private static let versionOne = """
    CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
    INSERT INTO grdb_migrations VALUES ('v1');
    CREATE TABLE nodes (
      key TEXT NOT NULL PRIMARY KEY, dir INTEGER NOT NULL, value TEXT, created INTEGER NOT NULL,
      modified INTEGER NOT NULL, expires INTEGER) WITHOUT ROWID;
    CREATE TABLE events (
      idx INTEGER NOT NULL PRIMARY KEY, action TEXT NOT NULL, refresh INTEGER NOT NULL,
      key TEXT NOT NULL, dir INTEGER NOT NULL, value TEXT, created INTEGER NOT NULL,
      expires INTEGER, ttl INTEGER NOT NULL, prev_dir INTEGER, prev_value TEXT,
      prev_created INTEGER, prev_modified INTEGER, prev_expires INTEGER, prev_ttl INTEGER);
    CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
    INSERT INTO nodes VALUES
      ('/a', 1, NULL, 1, 1, NULL), ('/a/b', 0, 'x', 1, 1, NULL), ('/c', 0, 'y', 2, 2, 4e18);
    INSERT INTO events VALUES
      (1, 'set', 0, '/a/b', 0, 'x', 1, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL),
      (2, 'set', 0, '/c', 0, 'y', 2, 4e18, 9, NULL, NULL, NULL, NULL, NULL, NULL);
    INSERT INTO meta VALUES ('index', 2), ('cluster_id', 77), ('boot_id', 'x'), ('clock_offset', 5);
    """

  /// The machine boots, and its wall clock is a year behind.
  @Test func theClockDoesNotGoBackOverABoot() async throws {
    try await withTemporaryDirectory { directory in
      var tree = KeyTree()
      let change = try #require(try tree.apply(.set(StorePath("/k"), "x"), now: self.now))
      let known = try {
        let (database, recovered) = try self.open(directory)
        try database.commit([change], at: recovered.clock.now)
        let known = recovered.clock.now
        try database.fold([change], tree, at: recovered.clock.now)
        try database.close()
        return known
      }()
      let reading = StoreClock.Reading(
        bootID: "another", sinceBoot: 7, wall: known.nanoseconds - 31_536_000_000_000_000)
      let (second, after) = try KVStore.Database.open(.directory(directory), reading: reading)
      defer { try? second.close() }
      #expect(after.clock.bootID == "another")
      let gap = known.nanoseconds(to: after.clock.time(sinceBoot: reading.sinceBoot))
      #expect((0..<60_000_000_000).contains(gap))
    }
  }

  /// The power fails before the time was noted down.
  @Test func aLeaseDoesNotBecomeLongerOverABoot() async throws {
    try await withTemporaryDirectory { directory in
      var tree = KeyTree()
      let (database, recovered) = try self.open(directory)
      let renewed = recovered.clock.now.advanced(bySeconds: 1_000)
      let lease = Command.NewNode(value: [0x31], deadline: renewed.advanced(bySeconds: 30))
      let change = try #require(try tree.apply(.set(StorePath("/lease"), lease), now: renewed))
      try database.commit([change], at: renewed)
      try database.close()
      let reading = StoreClock.Reading(bootID: "another", sinceBoot: 7, wall: 0)
      let (second, after) = try KVStore.Database.open(.directory(directory), reading: reading)
      defer { try? second.close() }
      #expect(after.clock.time(sinceBoot: reading.sinceBoot) == renewed)
    }
  }

  @Test func aDirectoryThatCannotBeMadeIsNamed() {
    let error = #expect(throws: StartError.self) { try self.open("/proc/none/at/all") }
    #expect(error?.description.contains("/proc/none/at/all") == true)
  }
}

extension KVStore.Database {
  /// Brings the tables up to date with all changes so far, as the store does once in a while.
  fileprivate func fold(_ changes: [Change], _ tree: KeyTree, at now: StoreTime) throws {
    var backlog = Backlog(tree: tree, revisions: RevisionTree())
    backlog.add(changes, tree: tree)
    try self.write(
      Fold(
        backlog: backlog,
        history: EventHistory(events: changes.map(\.event), lastIndex: tree.index),
        position: self.beginFold(), time: now))
  }
}
