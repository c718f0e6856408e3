import Foundation
import Glibc
import Linux
import Testing

/// Names from outside, and what lies beneath a directory.
@Suite struct HeldDirectoryTests {
  private func withDirectory(_ body: (URL) throws -> Void) throws {
    let directory = URL(filePath: "/tmp/held-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: directory.appending(path: "in/sub"), withIntermediateDirectories: true)
    try Data("secret".utf8).write(to: directory.appending(path: "secret"))
    defer { try? FileManager.default.removeItem(at: directory) }
    try body(directory)
  }

  @Test(
    arguments: [
      ("a", nil), ("..a", nil), ("a%2F..", nil), (String(repeating: "n", count: 255), nil),
      ("", "may not be empty"), (".", "may not be '.'"), ("..", "may not be '..'"),
      ("../../victim", "may not contain '/'"), ("/etc", "may not contain '/'"),
      ("a\nb", "may not contain control characters"),
      ("a\0b", "may not contain control characters"),
      (String(repeating: "é", count: 128), "may not have more than 255 bytes"),
    ] as [(String, String?)])
  func aNameIsOneStep(name: String, problem: String?) {
    #expect(PathComponent.problem(of: name) == problem)
    #expect(PathComponent(name)?.description == (problem == nil ? name : nil))
  }

  @Test(
    arguments: [
      ("a//b/./c/", ["a", "b", "c"]), ("", []), ("a/../b", nil), ("/a", nil), ("..", nil),
    ] as [(String, [String]?)])
  func aRelativePathHasSteps(path: String, steps: [String]?) {
    #expect(PathComponent.steps(of: path)?.map(\.description) == steps)
  }

  @Test func nothingLeadsOut() throws {
    try self.withDirectory { directory in
      let inside = directory.appending(path: "in").path
      for (name, target) in [
        ("up", "../secret"), ("away", "\(directory.path)/secret"), ("root", "/"),
        ("parent", ".."), ("fine", "sub"), ("magic", "/proc/self/root"),
      ] {
        try FileManager.default.createSymbolicLink(
          atPath: "\(inside)/\(name)", withDestinationPath: target)
      }
      let held = try HeldDirectory(inside)
      for path in [
        "../secret", "sub/../../secret", "up", "away", "root/etc", "parent/secret", "magic/etc",
        directory.path,
      ] {
        #expect(throws: FileError.self, "\(path)") { close(try held.open(path, O_RDONLY)) }
      }
      #expect(throws: FileError.self) {
        _ = try held.making(
          [#require(PathComponent("root")), #require(PathComponent("tmp"))], mode: 0o700)
      }
      #expect(throws: FileError.self) {
        close(try held.open("fine", O_RDONLY, bounds: .noLinks))
      }
      for path in ["", "sub", "fine", "sub/../sub"] { close(try held.open(path, O_RDONLY)) }
    }
  }

  @Test func aDirectoryIsMadeWithItsModeWhateverTheMask() throws {
    try self.withDirectory { directory in
      let held = try HeldDirectory(directory.path)
      let steps = try #require(PathComponent.steps(of: "in/a/b"))
      _ = try held.making(steps, mode: 0o777)
      _ = try held.making(steps, mode: 0o700)
      var status = stat()
      #expect(stat("\(directory.path)/in/a/b", &status) == 0 && status.st_mode & 0o7777 == 0o777)
    }
  }

  @Test func aLinkIsRemovedAndWhatItNamesStays() throws {
    try self.withDirectory { directory in
      try FileManager.default.createSymbolicLink(
        atPath: directory.appending(path: "in/sub/link").path,
        withDestinationPath: directory.path)
      try FileManager.default.createSymbolicLink(
        atPath: directory.appending(path: "other").path, withDestinationPath: "in")
      let held = try HeldDirectory(directory.path)
      #expect(held.remove(try #require(PathComponent("other"))))
      #expect(held.names.sorted() == ["in", "secret"])
      #expect(held.remove(try #require(PathComponent("in"))))
      #expect(held.names == ["secret"])
      #expect(held.remove(try #require(PathComponent("none"))), "it is gone already")
    }
  }

  /// Deeper than a process has descriptors, and than a thread's stack.
  @Test func whatIsDeepIsRemoved() throws {
    try self.withDirectory { directory in
      let held = try HeldDirectory(directory.path)
      var inner = open(directory.appending(path: "in").path, O_RDONLY | O_DIRECTORY)
      var made = 0
      while made < 20_000, mkdirat(inner, "d", 0o700) == 0 {
        made += 1
        let next = openat(inner, "d", O_RDONLY | O_DIRECTORY)
        close(inner)
        inner = next
      }
      close(inner)
      #expect(made == 20_000)
      #expect(held.remove(try #require(PathComponent("in"))))
      #expect(held.names == ["secret"])
    }
  }
}
