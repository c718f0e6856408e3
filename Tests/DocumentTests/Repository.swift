import Foundation
import TestSupport

/// The files of this checkout that a person reads.
enum Repository {
  static let root = Project.root

  /// A file's text; `nil` when there is no such file.
  static func text(_ path: String) -> String? { try? Project.text(path) }

  static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: self.root.appending(path: path).path)
  }

  /// The paths of all files below a folder, in order, relative to the root.
  static func files(below folder: String, ending: String) -> [String] {
    let top = self.root.appending(path: folder)
    let found = FileManager.default.enumerator(atPath: top.path)?.compactMap { $0 as? String } ?? []
    return found.filter { $0.hasSuffix(ending) }.map { folder.isEmpty ? $0 : "\(folder)/\($0)" }
      .sorted()
  }

  /// The manual and the pages beside it.
  static let documents =
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "RELEASE.md"]
    + files(below: "docs", ending: ".md")

  static let sources = files(below: "Sources", ending: ".swift")

  static let tests = files(below: "Tests", ending: ".swift")
}

/// A page in Markdown, line by line.
struct Page {
  struct Line {
    let number: Int
    let text: Substring
    /// Whether the line stands in a block of code.
    let isCode: Bool
  }

  let path: String
  let lines: [Line]

  init(_ path: String) throws {
    self.path = path
    let text = try Project.text(path)
    var lines: [Line] = []
    var isCode = false
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let isFence = line.hasPrefix("```")
      lines.append(Line(number: index + 1, text: line, isCode: isCode || isFence))
      if isFence { isCode.toggle() }
    }
    self.lines = lines
  }

  /// The anchors that a link into the page can name, made from its headings as GitHub does.
  var anchors: Set<String> {
    Set(
      self.lines.filter { !$0.isCode && $0.text.hasPrefix("#") }.map { line in
        line.text.drop { $0 == "#" }.dropFirst().lowercased().compactMap { character in
          character == " "
            ? "-"
            : character.isLetter || character.isNumber || "-_".contains(character)
              ? "\(character)" : nil
        }.joined()
      })
  }
}
