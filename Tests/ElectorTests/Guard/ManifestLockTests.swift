import Foundation
import TestSupport
import Testing

@testable import Elector

/// Two guards never own one place, and no destination is a file that the elector reads.
@Suite struct ManifestLockTests {
  @Test func oneAtATimeHasAPlace() async throws {
    try await TemporaryFiles.with { files in
      let first = ManifestLock(of: files.path("m.yaml"))
      let second = ManifestLock(of: files.path("m.yaml"))
      #expect(first.hold() == .held)
      #expect(first.hold() == .held, "it has it already")
      #expect(second.hold() == .taken(by: "process \(getpid())"))
      #expect(ManifestLock(of: files.path("other.yaml")).hold() == .held)
      first.release()
      #expect(second.hold() == .held)
    }
  }

  @Test func aPlaceIsTheSameByALink() async throws {
    try await TemporaryFiles.with { files in
      let link = files.path("link")
      try FileManager.default.createSymbolicLink(
        atPath: link, withDestinationPath: files.path(""))
      let first = ManifestLock(of: files.path("m.yaml"))
      #expect(first.hold() == .held)
      guard case .taken = ManifestLock(of: link + "/m.yaml").hold() else {
        Issue.record("it was taken twice")
        return
      }
    }
  }

  /// The file stays when its process is killed; the kernel frees the lock.
  @Test func whatACrashLeftIsTaken() async throws {
    try await TemporaryFiles.with { files in
      let lock = ManifestLock(of: files.path("m.yaml"))
      try Data("77\n".utf8).write(to: URL(filePath: lock.path))
      #expect(lock.hold() == .held)
      lock.release()
      #expect(!FileManager.default.fileExists(atPath: lock.path))
    }
  }

  /// A pod may run after the processes that knew of it.
  @Test func theMarkOfAPodOutlivesItsProcesses() async throws {
    try await TemporaryFiles.with { files in
      try Data("kind: Pod\nmetadata: {name: p}\n".utf8).write(
        to: URL(filePath: files.path("source.yaml")))
      func manifest() -> ManifestFile {
        let file = ManifestFile(
          source: files.path("source.yaml"), destination: files.path("m.yaml"))
        #expect(throws: Never.self) { try file.remove() }
        return file
      }
      let first = ManifestLock(of: files.path("m.yaml"))
      #expect(first.hold() == .held)
      #expect(manifest().hasNeverBeen)
      let installer = ManifestInstaller(file: manifest(), guarded: nil)
      let installed = await installer.install(term: 1, before: .now + .seconds(60))
      #expect(installed == .installed)
      try await installer.remove()
      #expect(!manifest().hasNeverBeen, "another elector of the same guard")
      first.release()
      #expect(FileManager.default.fileExists(atPath: first.path))
      let second = ManifestLock(of: files.path("m.yaml"))
      #expect(second.hold() == .held)
      #expect(ManifestLock(of: files.path("m.yaml")).hold() == .taken(by: "process \(getpid())"))
      #expect(!manifest().hasNeverBeen, "another guard")
      await installer.settle()
      #expect(manifest().hasNeverBeen)
      second.release()
      #expect(!FileManager.default.fileExists(atPath: second.path))
    }
  }

  @Test func aDirectoryMayComeLater() async throws {
    try await TemporaryFiles.with { files in
      let lock = ManifestLock(of: files.path("later/m.yaml"))
      #expect(lock.hold() == .unavailable(reason: "No such file or directory"))
      for round in 0..<2 {
        let directory = files.path("later")
        try FileManager.default.createDirectory(
          atPath: directory, withIntermediateDirectories: false)
        #expect(lock.hold() == .held)
        guard case .taken = ManifestLock(of: files.path("later/m.yaml")).hold() else {
          Issue.record("a lock in a directory that is gone counts, round \(round)")
          return
        }
        try FileManager.default.removeItem(atPath: directory)
      }
    }
  }

  private static let meetings: [(String, @Sendable (TemporaryFiles) throws -> (String, String))] = [
    ("one path", { ($0.path("m/a.yaml"), $0.path("m/a.yaml")) }),
    ("two spellings", { ($0.path("m/a.yaml"), $0.path("s/../m//a.yaml")) }),
    ("a file that does not exist", { ($0.path("m/none.yaml"), $0.path("m/./none.yaml")) }),
    ("a linked directory", { ($0.path("m/a.yaml"), $0.path("l/a.yaml")) }),
    (
      "a source that leads to it",
      { files in
        try FileManager.default.createSymbolicLink(
          atPath: files.path("s/b.yaml"), withDestinationPath: "../l/a.yaml")
        return (files.path("m/a.yaml"), files.path("s/b.yaml"))
      }
    ),
    (
      "a destination that leads to it",
      { files in
        try FileManager.default.createSymbolicLink(
          atPath: files.path("m/c.yaml"), withDestinationPath: files.path("s/s.yaml"))
        return (files.path("m/c.yaml"), files.path("s/s.yaml"))
      }
    ),
    (
      "one inode, as a file that is mounted twice",
      { files in
        try FileManager.default.linkItem(
          atPath: files.path("s/s.yaml"), toPath: files.path("m/d.yaml"))
        return (files.path("m/d.yaml"), files.path("s/s.yaml"))
      }
    ),
    ("its temporary file", { ($0.path("m/a.yaml"), $0.path("m/.a.yaml.elector")) }),
  ]

  @Test(arguments: Self.meetings.indices) func aDestinationIsNoSource(_ index: Int) async throws {
    try await TemporaryFiles.with { files in
      for name in ["m", "s"] {
        try FileManager.default.createDirectory(
          atPath: files.path(name), withIntermediateDirectories: false)
      }
      try files.write("kind: Pod\n", to: "m/a.yaml")
      try files.write("kind: Pod\n", to: "s/s.yaml")
      try FileManager.default.createSymbolicLink(
        atPath: files.path("l"), withDestinationPath: files.path("m"))
      let (destination, source) = try Self.meetings[index].1(files)
      var check = DestinationCheck()
      #expect(check.destination(at: source) == nil)
      #expect(check.add(destination) == nil)
      #expect(check.destination(at: source) == destination, "\(Self.meetings[index].0)")
      #expect(check.destination(at: files.path("s/other.yaml")) == nil)
      if index < 4 { #expect(check.add(source) == destination, "two elections") }
    }
  }
}
