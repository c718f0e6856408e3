import Foundation
import Testing

/// Each promise and each invariant names tests, and the tests exist.
@Suite struct NamedTestTests {
  /// The functions of each suite, by `Target/Suite`: their names, and their sentences where they have one.
  private static let functions: [String: Set<String>] = {
    var functions: [String: Set<String>] = [:]
    for path in Repository.tests {
      guard let text = Repository.text(path),
        let target = path.split(separator: "/").last(where: { $0.hasSuffix("Tests") })
      else { continue }
      var suite: Substring?
      for line in text.split(separator: "\n") {
        // Most lines are neither, and a regular expression is slow to say so.
        guard
          line.contains("Tests") || line.contains("func ") || line.contains("`")
            || line.contains("@Test(")
        else { continue }
        // Suites of one test target may stand in an extension of what they share.
        if let match = line.firstMatch(of: /\b(?:struct|class|actor|enum|extension) (\w+)/),
          !line.hasPrefix(" ") || match.1.hasSuffix("Tests")
        {
          suite = match.1
        }
        guard let suite else { continue }
        for match in line.matches(of: /(?:func |^ +)(?:`([^`]+)`|(\w+))\(/) {
          functions["\(target)/\(suite)", default: []].insert(String(match.1 ?? match.2 ?? ""))
        }
        for match in line.matches(of: /@Test\("([^"]+)"/) {
          functions["\(target)/\(suite)", default: []].insert(String(match.1))
        }
      }
    }
    return functions
  }()

  /// What a page says in backquotes in the form `Target/Suite.function`, each with its line.
  private static func names(in path: String) throws -> [(
    line: Int, suite: String, function: String
  )] {
    try Page(path).lines.filter { !$0.isCode }.flatMap { line in
      line.text.matches(of: /`(\w+Tests\/\w+)\.([^`]+)`/).map {
        (line.number, String($0.1), String($0.2))
      }
    }
  }

  @Test(arguments: Repository.documents)
  func everyTestThatAPageNamesExists(_ path: String) throws {
    for (line, suite, function) in try Self.names(in: path) {
      let known = Self.functions[suite]
      #expect(known != nil, "\(path):\(line): there is no suite \(suite)")
      #expect(
        known?.contains(function) != false, "\(path):\(line): \(suite) has no test \(function)")
    }
  }

  /// A paragraph of a list of promises, or a numbered invariant, without a test is only a wish.
  @Test func everyInvariantNamesATest() throws {
    let page = try Page("docs/internals/invariants.md")
    var open: Page.Line?
    var hasTest = true
    for line in page.lines + [Page.Line(number: 0, text: "**end**", isCode: false)] {
      if line.text.firstMatch(of: /^(\*\*|- \*\*|#+ )\d/) != nil || line.number == 0 {
        if let open { #expect(hasTest, "\(page.path):\(open.number) names no test: \(open.text)") }
        (open, hasTest) = (line, false)
      }
      if line.text.contains(/`\w+Tests\/\w+\./) { hasTest = true }
    }
    #expect(open != nil)
  }

  @Test func theGuaranteesNameTests() throws {
    let named = try Self.names(in: "docs/operate/guarantees.md")
    #expect(named.count >= 30, "docs/operate/guarantees.md names \(named.count) tests")
  }
}
