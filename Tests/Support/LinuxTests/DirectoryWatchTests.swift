import Foundation
import Linux
import TestSupport
import Testing

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct DirectoryWatchTests {
  let directory = FileManager.default.temporaryDirectory
    .appending(path: "directory-watch-\(UUID().uuidString)")

  private func withDirectory(_ body: () async throws -> Void) async throws {
    try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: self.directory) }
    try await body()
  }

  private func first(
    _ events: AsyncStream<DirectoryEvent>, where matches: (DirectoryEvent) -> Bool
  ) async -> DirectoryEvent? {
    for await event in events where matches(event) { return event }
    return nil
  }

  @Test func reportsWhatHappensToAName() async throws {
    try await self.withDirectory {
      let file = self.directory.appending(path: "a.yaml")
      let events = try DirectoryWatch.events(of: self.directory.path)
      try Data("x".utf8).write(to: file)
      #expect(await self.first(events) { $0.name == "a.yaml" }?.kind == .appeared)
      #expect(await self.first(events) { $0.kind == .modified }?.name == "a.yaml")
      try FileManager.default.removeItem(at: file)
      #expect(await self.first(events) { $0.kind == .vanished }?.name == "a.yaml")
    }
  }

  /// A moved file is complete.
  @Test func aMoveIsToldFromACreation() async throws {
    try await self.withDirectory {
      let hidden = self.directory.appending(path: ".a.yaml")
      try Data("x".utf8).write(to: hidden)
      let events = try DirectoryWatch.events(of: self.directory.path)
      try FileManager.default.moveItem(at: hidden, to: self.directory.appending(path: "a.yaml"))
      #expect(await self.first(events) { $0.name == "a.yaml" }?.kind == .movedIn)
    }
  }

  @Test func endsWhenTheDirectoryGoes() async throws {
    try await self.withDirectory {
      let events = try DirectoryWatch.events(of: self.directory.path)
      try FileManager.default.removeItem(at: self.directory)
      var last: DirectoryEvent?
      for await event in events { last = event }
      #expect(last?.kind == .gone)
    }
  }

  @Test func namesThePathThatCannotBeWatched() {
    let error = #expect(throws: DirectoryWatchError.self) {
      _ = try DirectoryWatch.events(of: "/nowhere/at/all")
    }
    #expect(
      error?.description == "cannot watch the directory /nowhere/at/all: No such file or directory")
  }
}
