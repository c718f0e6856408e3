import FoundationEssentials
import TestSupport
import Testing

@testable import TestCluster

@Suite struct StateDirectoryTests {
  private func withDirectory(_ body: (String) throws -> Void) async throws {
    try await TemporaryFiles.with { try body($0.path("state")) }
  }

  @Test func `the layout is the recipe's, once per master`() async throws {
    try await self.withDirectory { path in
      let directory = StateDirectory(path)
      let (lock, earlier) = try directory.claim()
      try directory.lay(ClusterConfiguration(masters: 2), store: "http://127.0.0.1:2379")
      withExtendedLifetime(lock) {}
      #expect(earlier == nil)
      for file in [
        "kvstore/data", "kube-master1/etc/kubernetes/manifests/podmaster.yaml",
        "kube-master2/srv/kubernetes/kube-scheduler.yaml",
        "kube-master2/srv/kubernetes/kube-controller-manager.yaml",
        "kube-master2/var/log/kube-scheduler.log",
      ] {
        #expect(FileManager.default.fileExists(atPath: "\(path)/\(file)"), "\(file)")
      }
    }
  }

  @Test func `two clusters do not share a directory`() async throws {
    try await self.withDirectory { path in
      let directory = StateDirectory(path)
      let (lock, _) = try directory.claim()
      #expect(throws: ClusterError.alreadyRunning(path)) { _ = try directory.claim() }
      withExtendedLifetime(lock) {}
    }
  }

  @Test func `a directory with something else in it is left alone`() async throws {
    try await self.withDirectory { path in
      try FileManager.default.createDirectory(
        atPath: "\(path)/photos", withIntermediateDirectories: true)
      #expect(throws: ClusterError.foreignDirectory(path)) {
        _ = try StateDirectory(path).claim()
      }
    }
  }

  @Test func `a record that cannot be read is not overwritten`() async throws {
    try await self.withDirectory { path in
      let directory = StateDirectory(path)
      let lock = try directory.claim().0
      withExtendedLifetime(lock) {}
      try Data("{".utf8).write(to: URL(filePath: directory.record))
      #expect(throws: ClusterError.self) { _ = try directory.readRecord() }
    }
  }

  @Test func `a relative path is taken from the current directory`() {
    let here = FileManager.default.currentDirectoryPath
    #expect(StateDirectory("x/../y/").path == "\(here)/y")
    #expect(StateDirectory("/tmp/z").path == "/tmp/z")
  }
}
