import Foundation
import GRDB
import TestSupport
import Testing

@testable import KVStore

/// `kvstore check`, `backup` and `restore`, as the real program does them on real files.
@Suite(.serialized, .takesTurns, .timeLimit(.minutes(10))) struct MaintenanceTests {
  private typealias Outcome = (isSuccess: Bool, output: String, error: String)

  private func kvstore(_ arguments: String...) async throws -> Outcome {
    try await self.kvstore(arguments)
  }

  private func kvstore(_ arguments: [String]) async throws -> Outcome {
    let (status, output, errors) = try await RealProgram.built.run(arguments)
    return (status.isSuccess, output, errors)
  }

  private func serving(
    _ directory: String, _ body: @escaping @Sendable (TestClient) async throws -> Void
  ) async throws {
    try await RealProgram.run(on: directory) { try await body(TestClient(base: $0.urls[0])) }
  }

  @Test func aBackupOfARunningStoreIsRestoredElsewhere() async throws {
    try await withTemporaryDirectory { directory in
      let (data, other, copy) = (directory + "/a", directory + "/b", directory + "/copy")
      try await self.serving(data) { client in
        for number in 1...5 { _ = try await client.put("/dir/k\(number)", "value=\(number)") }
        let check = try await self.kvstore("check", "--data-dir", data)
        #expect(check.isSuccess)
        #expect(check.output.contains("5 keys, 1 directories, index 5, 5 events"))
        #expect(try await self.kvstore("backup", copy, "--data-dir", data).isSuccess)
        // A later write is not in the copy.
        _ = try await client.put("/dir/k6", "value=6")

        let again = try await self.kvstore("backup", copy, "--data-dir", data)
        #expect(!again.isSuccess)
        #expect(again.error.contains("\(copy) exists"))
        let inUse = try await self.kvstore("restore", copy, "--force", "--data-dir", data)
        #expect(!inUse.isSuccess)
        #expect(inUse.error.contains("is in use by another kvstore"))
      }
      let files = try FileManager.default.contentsOfDirectory(atPath: directory)
      #expect(Set(files) == ["a", "copy"])

      #expect(try await self.kvstore("restore", copy, "--data-dir", other).isSuccess)
      try await self.serving(other) { client in
        let answer = try await client.get("/dir/k5")
        #expect(answer.value == "5")
        #expect(answer.index == 5 + DataDirectory.indexJump)
        #expect(try await client.get("/dir/k6").errorCode == 100)
      }
    }
  }

  /// A file that comes while the copy is made is kept: the check at the start is not what saves it.
  @Test func aFileThatAppearsMeanwhileIsKept() async throws {
    try await withTemporaryDirectory { directory in
      let (new, path) = (directory + "/new", directory + "/copy")
      try Data("the copy".utf8).write(to: URL(filePath: new))
      try Data("somebody's".utf8).write(to: URL(filePath: path))
      #expect(try !DurableFile.put(new, asNew: path))
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "somebody's")
      try FileManager.default.removeItem(atPath: path)
      #expect(try DurableFile.put(new, asNew: path))
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "the copy")

      // Many at once under one name: one of them makes it, and the file is whole.
      let data = directory + "/data"
      try await self.serving(data) { client in _ = try await client.put("/k", "value=1") }
      let backup = directory + "/backup"
      let outcomes = try await withThrowingTaskGroup(of: Bool.self) { group in
        for _ in 0..<8 {
          group.addTask { try await self.kvstore("backup", backup, "--data-dir", data).isSuccess }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(outcomes.filter(\.self).count == 1)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
          == ["backup", "copy", "data", "new"])
      #expect(
        try await self.kvstore("restore", backup, "--data-dir", directory + "/other").isSuccess)
    }
  }

  /// Each subcommand's help has the flag, which may stand before it and behind it.
  @Test(arguments: ["check", "backup", "restore"])
  func theDataDirectoryIsInTheHelp(subcommand: String) async throws {
    #expect(try await self.kvstore(subcommand, "--help").output.contains("--data-dir <dir>"))
    let file = subcommand == "check" ? [] : ["/none/file"]
    for arguments in [
      [subcommand] + file + ["--data-dir", "/none/dir"],
      ["--data-dir", "/none/dir", subcommand] + file,
    ] {
      let outcome = try await self.kvstore(arguments)
      #expect(!outcome.isSuccess)
      #expect(outcome.error.contains(subcommand == "restore" ? "/none/file" : "/none/dir/"))
    }
  }

  @Test func afterARestoreNoIndexIsGivenOutTwiceAndWatchersAreTold() async throws {
    try await withTemporaryDirectory { directory in
      let (data, copy) = (directory + "/data", directory + "/copy")
      try await self.serving(data) { client in
        _ = try await client.put("/k", "value=old")
        #expect(try await self.kvstore("backup", copy, "--data-dir", data).isSuccess)
        for _ in 0..<9 { _ = try await client.put("/k", "value=new") }
      }
      let refused = try await self.kvstore("restore", copy, "--data-dir", data)
      #expect(!refused.isSuccess)
      #expect(refused.error.contains("has a database"))
      let restored = try await self.kvstore("restore", copy, "--force", "--data-dir", data)
      #expect(restored.isSuccess)
      #expect(restored.output.contains("the old database is \(data)/kvstore.db.20"))

      try await self.serving(data) { client in
        #expect(try await client.get("/k").value == "old")
        for waitIndex in [1, 2, 10, 11] {
          let watch = try await client.get("/k?wait=true&waitIndex=\(waitIndex)")
          #expect(watch.errorCode == 401)
        }
        #expect(try await client.put("/k", "value=x").index == 11 + DataDirectory.indexJump)
      }
      // The one that was put aside is whole, its log included.
      let names = try FileManager.default.contentsOfDirectory(atPath: data)
      let aside = try #require(names.first { $0.hasPrefix("kvstore.db.20") })
      let queue = try DatabaseQueue(path: data + "/" + aside)
      #expect(try await queue.read { try Schema.read($0).tree.index } == 10)
    }
  }

  @Test func aDamagedDatabaseIsNamedAndCanBeReplaced() async throws {
    try await withTemporaryDirectory { directory in
      let (data, copy) = (directory + "/data", directory + "/copy")
      let file = data + "/kvstore.db"
      try await self.serving(data) { client in
        _ = try await client.put("/k", "value=kept")
        #expect(try await self.kvstore("backup", copy, "--data-dir", data).isSuccess)
      }
      try Data("this is no database, and long enough to be looked at".utf8)
        .write(to: URL(filePath: file))

      for arguments in [["check"], ["backup", directory + "/other"], []] {
        let (isSuccess, _, error) = try await self.kvstore(
          arguments + ["--data-dir", data]
            + (arguments.isEmpty ? ["--listen-client-urls", "http://127.0.0.1:0"] : []))
        #expect(!isSuccess)
        #expect(error.contains("the database \(file) is damaged"))
        #expect(error.contains("kvstore restore FILE --force"))
      }
      #expect(!FileManager.default.fileExists(atPath: directory + "/other"))

      let restored = try await self.kvstore("restore", copy, "--force", "--data-dir", data)
      #expect(restored.isSuccess)
      #expect(restored.output.contains("its index could not be read"))
      #expect(try await self.kvstore("check", "--data-dir", data).isSuccess)
    }
  }

  @Test func aCopyThatIsNoGoodChangesNothing() async throws {
    try await withTemporaryDirectory { directory in
      let (data, copy) = (directory + "/data", directory + "/copy")
      try await self.serving(data) { _ = try await $0.put("/k", "value=kept") }

      let missing = try await self.kvstore("restore", copy, "--force", "--data-dir", data)
      #expect(missing.error.contains("cannot restore \(copy): there is no such file"))
      try Data("garbage, and enough of it to be no database".utf8)
        .write(to: URL(filePath: copy))
      let garbage = try await self.kvstore("restore", copy, "--force", "--data-dir", data)
      #expect(garbage.error.contains("cannot restore \(copy): it is damaged"))
      try FileManager.default.removeItem(atPath: copy)
      try await DatabaseQueue(path: copy).write { try $0.execute(sql: "CREATE TABLE nodes (key)") }
      let foreign = try await self.kvstore("restore", copy, "--force", "--data-dir", data)
      #expect(foreign.error.contains("it is not a kvstore database"))

      #expect(
        try FileManager.default.contentsOfDirectory(atPath: data).sorted()
          == ["acknowledged", "kvstore.db", "lock", "log.0", "log.1"])
      #expect(try await self.kvstore("check", "--data-dir", data).output.contains("index 1,"))
    }
  }

  @Test func aContradictionIsFound() async throws {
    try await withTemporaryDirectory { data in
      try await self.serving(data) { _ = try await $0.put("/a/b", "value=1") }
      try await editTables(data + "/kvstore.db", "DELETE FROM nodes WHERE key = '/a'")
      let check = try await self.kvstore("check", "--data-dir", data)
      #expect(!check.isSuccess)
      #expect(check.error.contains("nodes: /a/b is in no directory"))
    }
  }
}
