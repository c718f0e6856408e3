import Foundation
import TestSupport
import Testing

/// The code in tutorials is that of `Examples/`, which is built and run: in a page stands `<!-- FILE: NAME -->` before
/// a block, and in the file `// snippet: NAME` before the code and `// end` after it.
@Suite struct SnippetTests {
  private struct Place: Hashable, CustomStringConvertible {
    let file: String
    let name: String
    var description: String { "\(self.file): \(self.name)" }
  }

  private static let pages =
    Repository.documents + Repository.files(below: "Sources", ending: ".md")

  /// All snippets of the examples, without their common indentation.
  private static let snippets: [Place: String] = {
    var snippets: [Place: String] = [:]
    for file in Repository.files(below: "Examples", ending: ".swift") {
      var open: (place: Place, indentation: Int, lines: [Substring])?
      for line in (Repository.text(file) ?? "").split(
        separator: "\n", omittingEmptySubsequences: false)
      {
        let text = line.trimmingCharacters(in: .whitespaces)
        if let name = text.wholeMatch(of: /\/\/ snippet: (.+)/)?.1 {
          open = (Place(file: file, name: String(name)), line.prefix { $0 == " " }.count, [])
        } else if text == "// end", let snippet = open {
          snippets[snippet.place] = snippet.lines.map { $0.dropFirst(snippet.indentation) }
            .joined(separator: "\n")
          open = nil
        } else {
          open?.lines.append(line)
        }
      }
    }
    return snippets
  }()

  /// The blocks of a page that name a place, each with its text.
  private static func blocks(in page: String) throws -> [(place: Place, text: String)] {
    var blocks: [(place: Place, text: String)] = []
    let lines = try Page(page).lines
    for (index, line) in lines.enumerated() {
      guard let place = self.place(line.text), lines[(index + 1)...].first?.text == "```swift"
      else {
        continue
      }
      let code = lines[(index + 2)...].prefix { $0.text != "```" }
      blocks.append((place, code.map(\.text).joined(separator: "\n")))
    }
    return blocks
  }

  /// What a line of a page names.
  private static func place(_ line: Substring) -> Place? {
    guard line.hasPrefix("<!-- Examples/") else { return nil }
    return line.wholeMatch(of: /<!-- (\S+): (.+) -->/).map {
      Place(file: String($0.1), name: String($0.2))
    }
  }

  @Test(arguments: pages)
  func `a block is the code of the example that it names`(_ page: String) throws {
    let blocks = try Self.blocks(in: page)
    let named = try Page(page).lines.count { $0.text.hasPrefix("<!-- Examples/") }
    #expect(blocks.count == named, "\(page): a named example has to stand right before its block")
    for (place, text) in blocks {
      #expect(text == Self.snippets[place], "\(page) has not the code of \(place)")
    }
  }

  @Test func `each part of the examples stands in a page`() throws {
    let shown = Set(try Self.pages.flatMap { try Self.blocks(in: $0).map(\.place) })
    #expect(Self.snippets.count >= 15)
    for place in Self.snippets.keys.sorted(by: { "\($0)" < "\($1)" }) {
      #expect(shown.contains(place), "no page shows \(place)")
    }
  }

  @Test(arguments: ["KVStore", "EtcdClient", "Elector", "FakeKubelet", "TestCluster"])
  func `each library has a tutorial that its first page names`(_ library: String) throws {
    let catalog = "Sources/\(library)/\(library).docc"
    let tutorials = try Repository.files(below: catalog, ending: ".md").filter {
      try Self.blocks(in: $0).count >= 2
    }
    #expect(!tutorials.isEmpty, "\(catalog) has no tutorial")
    let first = try Project.text("\(catalog)/\(library).md")
    for tutorial in tutorials {
      let name = URL(filePath: tutorial).deletingPathExtension().lastPathComponent
      #expect(first.contains("<doc:\(name)>"), "\(catalog)/\(library).md does not name \(name)")
    }
  }
}
