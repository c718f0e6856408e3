import Foundation
import Subprocess
import TestSupport
import Testing

@testable import KVStore

/// `kvstore check`, `backup` and `restore` say how far they are, and ctrl-C leaves nothing half done.
@Suite(.serialized, .takesTurns, .timeLimit(.minutes(10))) struct MaintenanceProgressTests {
  /// So many that each pass takes a while.
  private static let keys = 40_000

  /// Writes a database of many keys.
  private static func fill(_ directory: String) async throws {
    try await onThreadOfItsOwn {
      let now = StoreTime(nanoseconds: 1_700_000_000_000_000_000)
      var tree = KeyTree()
      let (database, _) = try KVStore.Database.open(.directory(directory))
      for thousand in 0..<self.keys / 1_000 {
        let changes = try (0..<1_000).map { number in
          try #require(try tree.apply(.set(StorePath("/k\(thousand)/\(number)"), "v"), now: now))
        }
        try database.commit(changes, at: now)
      }
      try database.close()
      // The next start brings them from the log into the tables.
      try KVStore.Database.open(.directory(directory)).0.close()
    }
  }

  @Test func `each pass says how far it is, and all of them are the whole`() async throws {
    try await withTemporaryDirectory { directory in
      let (data, copy) = (DataDirectory(directory + "/a"), directory + "/copy")
      try await Self.fill(data.path)
      let all = try await onThreadOfItsOwn {
        var all: [String: [MaintenanceProgress]] = [:]
        func told(_ name: String) -> (MaintenanceProgress) -> Void {
          { all[name, default: []].append($0) }
        }
        #expect(try data.check(progress: told("check")).keys == Self.keys)
        _ = try data.backUp(to: copy, progress: told("backup"))
        _ = try DataDirectory(directory + "/b").restore(from: copy, progress: told("restore"))
        return all
      }
      let passes: [String: [MaintenanceProgress.Pass]] = [
        "check": [.checking, .reading], "backup": [.copying, .checking, .reading, .finishing],
        "restore": [.copying, .checking, .reading, .finishing, .checking, .reading],
      ]
      for (name, passes) in passes {
        let told = try #require(all[name])
        let begins = told.filter { $0.done == 0 }
        #expect(begins.map(\.pass) == passes)
        var end = 0.0
        for begin in begins {
          #expect(abs(begin.share.lowerBound - end) < 1e-9)
          end = begin.share.upperBound
        }
        #expect(abs(end - 1) < 1e-9)
        for (before, next) in zip(told, told.dropFirst()) where next.done > 0 {
          #expect(next.pass == before.pass && next.done > before.done && next.done <= next.total)
        }
        // Rows are told of a thousand at a time, and none of them is left out.
        for pass in [MaintenanceProgress.Pass.reading, .finishing] where passes.contains(pass) {
          let last = try #require(told.last { $0.pass == pass })
          #expect(last.total >= Self.keys && last.total - last.done < 1_100)
        }
      }
    }
  }

  @Test(arguments: ["backup", "restore"])
  func `ctrl-C leaves no half file`(_ command: String) async throws {
    try await withTemporaryDirectory { directory in
      let (data, copy, other) = (directory + "/a", directory + "/copy", directory + "/b")
      try await Self.fill(data)
      if command == "restore" {
        _ = try await onThreadOfItsOwn { try DataDirectory(data).backUp(to: copy) }
      }
      let arguments = [command, copy, "--data-dir", command == "restore" ? other : data]
      func files() -> [String] {
        [directory, other].flatMap {
          ((try? FileManager.default.contentsOfDirectory(atPath: $0)) ?? []).sorted()
        }
      }
      let record = try await Subprocess.run(
        RealProgram.built.executable, arguments: Arguments(arguments), input: .none,
        output: .discarded, error: .string(limit: 1 << 16)
      ) { execution in
        try await eventually("for a half file") { files().contains { $0.contains("unfinished") } }
        kill(execution.processIdentifier.value, SIGINT)
      }
      #expect(record.terminationStatus == .signaled(SIGINT), "\(record.standardError)")
      #expect(files() == (command == "restore" ? ["a", "b", "copy", "lock"] : ["a"]))
      // What was there is as it was, and a second try succeeds.
      let again = try await RealProgram.built.run(arguments)
      #expect(again.status == .exited(0), "\(again.errors)")
    }
  }
}
