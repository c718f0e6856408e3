import Foundation
import Testing

@testable import Elector

/// Only a guard removes no file but its own.
@Suite struct ManifestPathTests {
  private func with(_ body: (ManifestFixture, ManifestPath) throws -> Void) throws {
    let fixture = try ManifestFixture()
    defer { fixture.cleanUp() }
    try body(fixture, ManifestPath(fixture.destination.path))
  }

  private static let content = ManifestBytes(Array(ManifestFixture.content.utf8), mode: 0o644)

  @Test func removesWhatItInstalled() throws {
    try self.with { (fixture, place) throws in
      #expect(try place.removeOwn() == false, "nothing yet")
      #expect(try place.install(Self.content) { true })
      #expect(try place.removeOwn())
      #expect(fixture.installed == nil)
      #expect(try place.removeOwn() == false)
    }
  }

  @Test func removesWhatItInstalledAndSomebodyEditedInPlace() throws {
    try self.with { (fixture, place) throws in
      #expect(try place.install(Self.content) { true })
      let file = try FileHandle(forWritingTo: fixture.destination)
      try file.write(contentsOf: Data("mine".utf8))
      try file.close()
      #expect(chmod(fixture.destination.path, 0o600) == 0)
      #expect(try place.removeOwn())
      #expect(fixture.installed == nil)
    }
  }

  @Test func leavesWhatAnotherOneInstalled() throws {
    try self.with { (fixture, place) throws in
      #expect(try place.install(Self.content) { true })
      let successor = ManifestPath(fixture.destination.path)
      try successor.remove()
      // Repeated, in case an inode number is used twice.
      for round in 0..<50 {
        #expect(try successor.install(ManifestBytes(Array("\(round)".utf8))) { true })
      }
      #expect(try place.removeOwn() == false)
      #expect(fixture.installed == "49")
      #expect(try successor.removeOwn())
    }
  }

  @Test func ownsWhatWasThereAlreadyWhenItIsTheSame() throws {
    try self.with { (fixture, place) throws in
      try Data(Self.content.bytes).write(to: fixture.destination)
      #expect(chmod(fixture.destination.path, 0o644) == 0)
      #expect(try place.install(Self.content) { false }, "there is nothing to do")
      #expect(try place.removeOwn())
      #expect(fixture.installed == nil)
    }
  }
}
