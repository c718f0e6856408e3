import AsyncHTTPClient
import Foundation
import Glibc
import NIOCore
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
        // No kubelet has said that the pods have ended.
        let log = contents(setting.log) ?? ""
        for name in setting.names {
          let isTold = log.split(whereSeparator: \.isNewline).contains {
            $0.contains("the lock is left to expire") && $0.contains(#"key="\#(name)""#)
          }
          #expect(isTold, "\(name): \(log)")
        }
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

    /// By the socket, since a port is open to all.
    @Test func `one election of a process steps down, and takes part again`() async throws {
      try await self.with { setting in
        let socket = "\(setting.directory)/c.sock"
        try setting.writeConfig(destination: "b", "control-socket: \(socket)")
        try await setting.run { guardian in
          for name in setting.names {
            try await eventually("for \(name)") { contents(setting.manifest(name)) != nil }
          }
          func ask(_ arguments: String...) async throws -> (TerminationStatus, String) {
            let (status, output, errors) = try await BuiltProgram("elector").run(
              arguments + ["--control-socket=\(socket)"])
            return (status, output + errors)
          }
          #expect(
            try await ask("step-down", "--key=a") == (.exited(0), "stepping down until resumed\n"))
          try await eventually("for a to go") { contents(setting.manifest("a")) == nil }
          let unknown = try await ask("step-down", "--key=c")
          #expect(unknown.0 == .exited(1) && unknown.1.contains("the keys are: a, b"))
          #expect(contents(setting.manifest("b")) != nil)
          #expect(try await ask("resume").0 == .exited(0))
          try await eventually("for a again") { contents(setting.manifest("a")) != nil }
          kill(guardian.pid, SIGTERM)
        }
        #expect(!FileManager.default.fileExists(atPath: socket))
        let gone = try await BuiltProgram("elector").run(["resume", "--control-socket=\(socket)"])
        #expect(gone.status == .exited(1) && gone.errors.contains("cannot reach the elector at"))
        let old = try await BuiltProgram("elector").run(["resume", "--elector=http://127.0.0.1:1"])
        #expect(old.status == .exited(64) && old.errors.contains("--elector is gone"))
      }
    }

    /// What an operator looks at while a hand-over takes its time.
    @Test func `metrics and healthz outlive the hand-over`() async throws {
      try await self.with { setting in
        let port = try FreePort.some(1)[0]
        // Without a kubelet the elector waits for the whole time that a pod may take.
        try setting.writeConfig(destination: "b", "http-listen: 127.0.0.1:\(port)")
        try await setting.run { guardian in
          for name in setting.names {
            try await eventually("for \(name)") { contents(setting.manifest(name)) != nil }
          }
          kill(guardian.pid, SIGTERM)
          for name in setting.names {
            try await eventually("for \(name) to go") { contents(setting.manifest(name)) == nil }
          }
          let answer = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: "http://127.0.0.1:\(port)/metrics"), timeout: .seconds(10))
          let metrics = String(buffer: try await answer.body.collect(upTo: 1 << 20))
          #expect(metrics.contains(#"elector_manifest_installed{key="a"} 0"#))
          #expect(guardian.isAlive)
        }
      }
    }

    /// The guard hands the text down that it has read.
    @Test func `a bad line in the file and a crash of the elector end no election`() async throws {
      try await self.with { setting in
        try await setting.run { guardian in
          try await eventually("for a") { contents(setting.manifest("a")) != nil }
          try "elections: [".write(toFile: setting.config, atomically: true, encoding: .utf8)
          let child = try #require(guardian.child)
          kill(child.pid, SIGKILL)
          try await eventually("for the next elector") {
            guardian.child.map { $0 != child } ?? false
          }
          for name in setting.names {
            try await eventually("for \(name) again") { contents(setting.manifest(name)) != nil }
          }
          let checked = try await BuiltProgram("elector").run([
            "check-config", "--config=\(setting.config)",
          ])
          #expect(checked.status == .exited(64))
          #expect(checked.errors.contains("\(setting.config): not YAML"))
          kill(guardian.pid, SIGTERM)
        }
      }
    }

    @Test func `SIGHUP reloads a file that is good, and refuses one that is not`() async throws {
      try await self.with { setting in
        try await setting.run { guardian in
          try await eventually("for b") { contents(setting.manifest("b")) != nil }
          let child = try #require(guardian.child)
          let good = contents(setting.config) ?? ""
          for (number, bad) in [
            "elections: [", good + "\n  ttl-secs: 0", good + "\netcd-cafile: /none",
            good.replacing(setting.manifest("b"), with: "\(setting.directory)/srv/b.yaml"),
          ].enumerated() {
            try bad.write(toFile: setting.config, atomically: true, encoding: .utf8)
            kill(guardian.pid, SIGHUP)
            try await eventually("for refusal \(number)") {
              contents(setting.log)?.ranges(of: "the new configuration is refused").count
                == number + 1
            }
          }
          try good.write(toFile: setting.config, atomically: true, encoding: .utf8)
          kill(guardian.pid, SIGHUP)
          try await eventually("for its word") {
            contents(setting.log)?.contains("the configuration is as it was") == true
          }
          #expect(guardian.child == child && contents(setting.manifest("b")) != nil)

          try setting.writeConfig(destination: "c")
          kill(guardian.pid, SIGHUP)
          for name in ["a", "c"] {
            try await eventually("for \(name)") {
              guardian.child != child && contents(setting.manifest(name)) != nil
            }
          }
          #expect(contents(setting.manifest("b")) == nil)
          #expect(contents(setting.log)?.ranges(of: "the lock is left to expire").count == 2)
          kill(guardian.pid, SIGTERM)
        }
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
  var config: String { "\(self.directory)/e.yaml" }
  func manifest(_ name: String) -> String { "\(self.directory)/manifests/\(name).yaml" }

  func writeConfig(destination: String, _ more: String = "v: 0") throws {
    try """
    etcd-servers: \(self.store)
    etcd-api: \(self.cluster.configuration.api)
    \(more)
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
    """.write(toFile: self.config, atomically: true, encoding: .utf8)
  }

  /// Runs it with the body, which has to end it.
  func run(_ body: @escaping @Sendable (ProcessIdentity) async throws -> Void) async throws {
    let log = try FileDescriptor.open(
      FilePath(self.log), .writeOnly, options: [.create, .append], permissions: .ownerReadWrite)
    _ = try await Subprocess.run(
      .path(FilePath("\(BuiltProgram.directory)/elector")),
      arguments: ["--config=\(self.config)"], input: .none, output: .discarded,
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
}
