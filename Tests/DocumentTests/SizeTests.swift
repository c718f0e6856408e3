import Foundation
import Testing

/// Front pages are short, files have one reason, folders can be overlooked.
@Suite struct SizeTests {
  @Test(arguments: [("README.md", 5_000), ("ARCHITECTURE.md", 14_000)])
  func aFrontPageIsShort(_ path: String, _ bytes: Int) throws {
    let size = try #require(Repository.text(path)).utf8.count
    #expect(size <= bytes, "\(path) has \(size) bytes: \(bytes) is the limit")
  }

  @Test func noFileOfSourcesIsLong() throws {
    // Generated code is nobody's to read.
    for path in Repository.sources where !path.hasSuffix(".pb.swift") {
      let lines =
        try #require(Repository.text(path)).split(
          separator: "\n", omittingEmptySubsequences: false
        ).count - 1
      #expect(lines <= 400, "\(path) has \(lines) lines: split it by reason")
    }
  }

  @Test func noFolderOfSourcesIsCrowded() {
    let folders = Dictionary(grouping: Repository.sources) { path in
      path.split(separator: "/").dropLast().joined(separator: "/")
    }
    for (folder, files) in folders.sorted(by: { $0.key < $1.key }) {
      #expect(files.count <= 16, "\(folder) has \(files.count) files: group them")
    }
  }
}
