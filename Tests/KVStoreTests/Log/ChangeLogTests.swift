import Foundation
import NIOCore
import TestSupport
import Testing

@testable import KVStore

/// The files of the log, in the order that a store uses them.
@Suite struct ChangeLogTests {
  private static let now = StoreTime(nanoseconds: 1_700_000_000_000_000_000)

  private final class Bench {
    let directory: String
    let database: KVStore.Database
    var tree: KeyTree
    var history: EventHistory

    init(_ directory: String) throws {
      self.directory = directory
      let recovered: KVStore.Database.Recovered
      (self.database, recovered) = try KVStore.Database.open(.directory(directory))
      (self.tree, self.history) = (recovered.tree, recovered.history)
    }

    func write(_ count: Int = 1) throws {
      for _ in 0..<count {
        let value = [UInt8](repeating: 0x61, count: 100)
        let change = try #require(
          try self.tree.apply(
            .set(StorePath("/k\(self.tree.index % 5)"), .init(value: value)), now: now))
        try self.database.commit([change], at: now)
        self.history.append(change.event)
      }
    }

    var fold: Fold {
      Fold(
        backlog: Backlog(allOf: self.tree), history: self.history,
        position: self.database.beginFold(), time: now)
    }

    /// As after `kill -9` at this moment.
    func indexAfterACrash() throws -> UInt64 {
      let copy = self.directory + "-copy"
      try FileManager.default.copyItem(atPath: self.directory, toPath: copy)
      defer { try? FileManager.default.removeItem(atPath: copy) }
      let (database, recovered) = try KVStore.Database.open(.directory(copy))
      try database.close()
      return recovered.tree.index
    }
  }

  /// At every moment of it a crash loses nothing.
  @Test func aFileIsUsedAgainOnlyOnceTheTablesHaveItsChanges() async throws {
    try await withTemporaryDirectory { directory in
      let bench = try Bench(directory + "/data")
      try bench.write(20)
      let first = bench.fold
      // Into the other file, while the tables are written.
      try bench.write(10)
      #expect(try bench.indexAfterACrash() == 30)
      // That update fails, and the next one begins: the first file still has what the tables lack.
      _ = first
      let second = bench.fold
      try bench.write(10)
      #expect(try bench.indexAfterACrash() == 40)
      try bench.database.write(second)
      #expect(try bench.indexAfterACrash() == 40)
      try bench.write(5)
      let third = bench.fold
      try bench.write(5)
      #expect(try bench.indexAfterACrash() == 50)
      try bench.database.write(third)
      try bench.write(1)
      #expect(try bench.indexAfterACrash() == 51)
      try bench.database.close()
    }
  }

  @Test func aStoreThatWritesOnAndOnTakesNoMoreRoom() async throws {
    try await withTemporaryDirectory { directory in
      let bench = try Bench(directory + "/data")
      for _ in 0..<10 {
        await Task.yield()
        try bench.write(50)
        try bench.database.write(bench.fold)
      }
      for name in ChangeLog.fileNames {
        #expect(DurableFile.size(of: "\(bench.directory)/\(name)") < 2 << 20)
      }
      #expect(try bench.indexAfterACrash() == 500)
      try bench.database.close()
    }
  }

  /// A batch whose file has lost its name fails, and what was written of it does not come back with the file.
  @Test func aBatchThatFailedIsNotInTheFile() async throws {
    try await withTemporaryDirectory { directory in
      let bench = try Bench(directory + "/data")
      try bench.write()
      let paths = ChangeLog.fileNames.map { "\(bench.directory)/\($0)" }
      let files = try paths.map { try FileHandle(forReadingFrom: URL(filePath: $0)) }
      func batches() throws -> Int {
        try files.map { file in
          try file.seek(toOffset: 0)
          return LogContents(path: "", ByteBuffer(bytes: try file.readToEnd() ?? Data())).records
            .count
        }.reduce(0, +)
      }
      #expect(try batches() == 1)
      for path in paths { try FileManager.default.removeItem(atPath: path) }
      let error = #expect(throws: ChangeLog.Failure.self) { try bench.write() }
      #expect(error?.description.contains("was deleted while it was in use") == true)
      #expect(try batches() == 1)
      try? bench.database.close()
    }
  }
}
