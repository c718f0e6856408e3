import EtcdClient
import Foundation
import Glibc
import Subprocess
import SystemPackage
import TestCluster
import TestSupport
import Testing

extension EndToEnd {
  /// Several elections in one process, with one guard.
  @Suite struct ElectionsFileTests {
    @Test func `two elections in one process lead, and leave in order`() async throws {
      try await self.with { setting in
        try await setting.run { guardian in
          for name in setting.names {
            try await eventually("for \(name)") { contents(setting.manifest(name)) != nil }
          }
          let log = contents(setting.log) ?? ""
          #expect(log.contains(#"we are the master (n1)" key="a""#))
          #expect(log.contains(#"we are the master (n1)" key="b""#))
          kill(guardian.pid, SIGTERM)
        }
        #expect(setting.names.allSatisfy { contents(setting.manifest($0)) == nil })
        for name in setting.names { #expect(try await setting.holder(name) == nil) }
      }
    }

    /// It confuses no manifest with the other, and forgets none.
    @Test func `kill -9 of the elector: its guard removes both manifests`() async throws {
      try await self.with { setting in
        try await setting.run { guardian in
          for name in setting.names {
            try await eventually("for \(name)") { contents(setting.manifest(name)) != nil }
          }
          let child = try #require(guardian.child)
          kill(child.pid, SIGSTOP)
          for name in setting.names {
            try await eventually("for \(name) to go") { contents(setting.manifest(name)) == nil }
          }
          kill(child.pid, SIGKILL)
          for name in setting.names {
            try await eventually("for \(name) again") { contents(setting.manifest(name)) != nil }
          }
          kill(guardian.pid, SIGTERM)
        }
        #expect(setting.names.allSatisfy { contents(setting.manifest($0)) == nil })
      }
    }

    /// The guard removes the manifests of the file as it was at the start.
    @Test func `a file that was changed is refused, and says what to do`() async throws {
      try await self.with { setting in
        try await setting.run { guardian in
          try await eventually("for a") { contents(setting.manifest("a")) != nil }
          try setting.writeConfig(destination: "c")
          kill(try #require(guardian.child).pid, SIGKILL)
          try await eventually("for the guard's end") { !guardian.isAlive }
        }
        #expect(
          contents(setting.log)?.contains(
            "the guard was started without it; restart the elector to change it") == true)
        #expect(contents(setting.manifest("c")) == nil)
      }
    }

    private func with(_ body: @escaping @Sendable (Setting) async throws -> Void) async throws {
      try await withCluster(masters: 1) { cluster, _ in
        try await TemporaryDirectory.with { directory in
          let setting = Setting(
            directory: directory, store: try #require(await cluster.status().store.urls.first),
            cluster: cluster)
          for name in ["srv", "manifests"] {
            try FileManager.default.createDirectory(
              atPath: "\(directory)/\(name)", withIntermediateDirectories: true)
          }
          for name in setting.names {
            try "kind: Pod\nmetadata:\n  name: \(name)\nspec:\n  terminationGracePeriodSeconds: 1\n"
              .write(toFile: "\(directory)/srv/\(name).yaml", atomically: true, encoding: .utf8)
          }
          try setting.writeConfig(destination: "b")
          try await body(setting)
        }
      }
    }
  }
}

/// An elector of two elections on a cluster's store.
private struct Setting: Sendable {
  let directory: String
  let store: String
  let cluster: Cluster
  let names = ["a", "b"]

  var log: String { "\(self.directory)/elector.log" }
  func manifest(_ name: String) -> String { "\(self.directory)/manifests/\(name).yaml" }

  func writeConfig(destination: String) throws {
    try """
    etcd-servers: \(self.store)
    whoami: n1
    ttl-secs: 3
    sleep: 500ms
    elections:
    - key: a
      source-file: \(self.directory)/srv/a.yaml
      dest-file: \(self.manifest("a"))
    - key: b
      source-file: \(self.directory)/srv/b.yaml
      dest-file: \(self.manifest(destination))
    """.write(toFile: "\(self.directory)/e.yaml", atomically: true, encoding: .utf8)
  }

  /// Runs it with the body, which has to end it.
  func run(_ body: @escaping @Sendable (ProcessIdentity) async throws -> Void) async throws {
    let log = try FileDescriptor.open(
      FilePath(self.log), .writeOnly, options: [.create, .append], permissions: .ownerReadWrite)
    _ = try await Subprocess.run(
      .path(FilePath("\(BuiltProgram.directory)/elector")),
      arguments: ["--config=\(self.directory)/e.yaml"], input: .none, output: .discarded,
      error: .fileDescriptor(log, closeAfterSpawningProcess: true)
    ) { execution in
      let guardian = try #require(ProcessIdentity(pid: execution.processIdentifier.value))
      do {
        try await body(guardian)
      } catch {
        kill(guardian.pid, SIGTERM)
        Issue.record("\(error): \(contents(self.log) ?? "")")
      }
    }
  }

  /// The holder of a lock; `nil` when it is free.
  func holder(_ key: String) async throws -> String? {
    try await EtcdClient.with(endpoints: self.cluster.store, timeout: .seconds(60)) { etcd in
      do throws(EtcdClientError) {
        return try await etcd.get("/\(key)").node.value
      } catch {
        guard error.errorCode == EtcdError.keyNotFound else { throw error }
        return nil
      }
    }
  }
}
