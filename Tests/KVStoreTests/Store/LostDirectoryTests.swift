import Foundation
import GRDB
import TestSupport
import Testing

@testable import KVStore

/// What becomes of the files of a store that runs.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct LostDirectoryTests {
  enum Loss: CaseIterable {
    case deleted, moved, replaced
  }

  @Test(arguments: Loss.allCases)
  func nothingIsAcknowledgedInADirectoryThatIsGone(loss: Loss) async throws {
    try await withTemporaryDirectory { directory in
      let data = directory + "/data"
      try await withServer(.directory(data)) { client in
        #expect(try await client.put("/k", "value=1").status == 201)
        #expect(try await client.send(.GET, "/health").text == #"{"health":"true"}"#)
        switch loss {
        case .deleted: try FileManager.default.removeItem(atPath: data)
        case .moved: try FileManager.default.moveItem(atPath: data, toPath: data + "-elsewhere")
        case .replaced:
          try FileManager.default.moveItem(atPath: data, toPath: data + "-elsewhere")
          try FileManager.default.copyItem(atPath: data + "-elsewhere", toPath: data)
        }
        let health = try await client.send(.GET, "/health")
        #expect(health.status == 503 && health.text == #"{"health":"false"}"#)
        // The path is looked at once a second.
        try await eventually("a write is refused") {
          try await client.put("/k", "value=2").errorCode == 300
        }
        let refused = try await client.put("/k", "value=3")
        #expect(refused.status == 500)
        #expect(
          refused.text.contains(loss == .deleted ? "deleted" : "the data directory was moved"))
      }
      guard loss != .deleted else { return }
      // What was refused does not come back.
      let (database, recovered) = try KVStore.Database.open(.directory(data + "-elsewhere"))
      defer { try? database.close() }
      #expect(try recovered.tree.node(at: StorePath("/k")).value != Array("3".utf8))
    }
  }

  /// `sqlite3` with `BEGIN IMMEDIATE`, left open.
  @Test func aPersonWhoHoldsTheTablesHoldsUpNoWrite() async throws {
    try await withTemporaryDirectory { directory in
      let data = directory + "/data"
      try await withServer(.directory(data)) { client in
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let person = try DatabaseQueue(path: data + "/kvstore.db", configuration: configuration)
        try await person.writeWithoutTransaction { db in
          try db.execute(sql: "BEGIN IMMEDIATE")
        }
        for value in 1...20 {
          #expect(try await client.put("/k", "value=\(value)").status < 300)
        }
        try await person.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
      }
      #expect(try DataDirectory(data).check().index == 20)
    }
  }

  /// Values and passwords' hashes are in them.
  @Test func theFilesAreTheOwnersAlone() async throws {
    try await withTemporaryDirectory { directory in
      // A directory that was there, with files of an earlier version in it.
      let data = directory + "/data"
      try FileManager.default.createDirectory(
        atPath: data, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
      try await withServer(.directory(data)) { _ = try await $0.put("/k", "value=1") }
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o644], ofItemAtPath: data + "/kvstore.db")
      try await withServer(.directory(data)) { client in
        _ = try await client.put("/k", "value=2")
        let names = try FileManager.default.contentsOfDirectory(atPath: data)
        #expect(
          Set(names).isSuperset(of: ["kvstore.db", "kvstore.db-wal", "log.0", "acknowledged"]))
        for name in names {
          let mode = try FileManager.default.attributesOfItem(atPath: "\(data)/\(name)")
          #expect(mode[.posixPermissions] as? Int == 0o600, "\(name)")
        }
      }
      let made = directory + "/new/deep"
      try await withServer(.directory(made)) { _ = try await $0.put("/k", "value=1") }
      for path in ["/new", "/new/deep"] {
        let mode = try FileManager.default.attributesOfItem(atPath: directory + path)
        #expect(mode[.posixPermissions] as? Int == 0o700, "\(path)")
      }
    }
  }
}
