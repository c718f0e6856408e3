import Foundation
import Testing

/// Links in documents lead somewhere, and every page of the manual can be reached.
@Suite struct LinkTests {
  @Test(arguments: Repository.documents)
  func everyLinkLeadsSomewhere(_ path: String) throws {
    for (line, target) in try Self.links(in: path) {
      let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
      let file = parts[0].isEmpty ? path : Self.resolve(String(parts[0]), from: path)
      #expect(Repository.exists(file), "\(path):\(line) links to \(target), which does not exist")
      if parts.count > 1, file.hasSuffix(".md"), Repository.exists(file) {
        #expect(
          try Page(file).anchors.contains(String(parts[1])),
          "\(path):\(line) links to \(target): \(file) has no such heading")
      }
    }
  }

  @Test func everyPageOfTheManualCanBeReached() throws {
    var reached: Set<String> = ["README.md"]
    var open = ["README.md"]
    while let path = open.popLast() {
      for (_, target) in try Self.links(in: path) {
        let file = Self.resolve(String(target.prefix { $0 != "#" }), from: path)
        if file.hasSuffix(".md"), Repository.exists(file), reached.insert(file).inserted {
          open.append(file)
        }
      }
    }
    for path in Repository.documents {
      #expect(reached.contains(path), "no link leads from README.md to \(path)")
    }
  }

  /// The relative links of a page, each with its line.
  private static func links(in path: String) throws -> [(line: Int, target: String)] {
    try Page(path).lines.filter { !$0.isCode }.flatMap { line in
      line.text.matches(of: /\]\(([^)\s]+)\)/).map { (line.number, String($0.1)) }
    }.filter { !$0.target.contains("://") && !$0.target.hasPrefix("mailto:") }
  }

  private static func resolve(_ target: String, from page: String) -> String {
    var parts = page.split(separator: "/").dropLast().map(String.init)
    for part in target.split(separator: "/") {
      switch part {
      case ".": break
      case "..": if !parts.isEmpty { parts.removeLast() }
      default: parts.append(String(part))
      }
    }
    return parts.joined(separator: "/")
  }
}

/// Files that documents name exist.
@Suite struct NamedFileTests {
  private static let files = Repository.sources + Repository.tests

  @Test(arguments: Repository.documents)
  func everySwiftFileThatAPageNamesExists(_ path: String) throws {
    for line in try Page(path).lines where !line.isCode {
      for match in line.text.matches(of: /`([\w\/+]+\.swift)`/) {
        let name = String(match.1)
        #expect(
          name == "Package.swift" || Self.files.contains { "/\($0)".hasSuffix("/\(name)") },
          "\(path):\(line.number) names \(name), which does not exist")
      }
    }
  }
}
