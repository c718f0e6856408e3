import Foundation
import KubernetesObjects
import TestSupport
import Testing

/// The tables of flags in the manual are the programs' own: `make docs` writes them, this compares them.
@Suite struct FlagTableTests {
  private static let isWriting = ProcessInfo.processInfo.environment["REWRITE_DOCS"] != nil

  /// The pages that have a table, by the marks `<!-- flags: PROGRAM SUB-COMMAND -->` and `<!-- /flags -->`.
  private static let pages = Repository.documents.filter {
    Repository.text($0)?.contains("<!-- flags: ") == true
  }

  @Test(arguments: pages)
  func aTableIsTheProgramsOwn(_ path: String) async throws {
    let text = try #require(Repository.text(path))
    var made: [Substring] = []
    var isTable = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line == "<!-- /flags -->" { isTable = false }
      if !isTable { made.append(line) }
      if let match = line.wholeMatch(of: /<!-- flags: (.+) -->/) {
        isTable = true
        made.append(contentsOf: try await Self.table(of: String(match.1)).map { $0[...] })
      }
    }
    #expect(!isTable, "\(path): <!-- /flags --> is missing")
    let new = made.joined(separator: "\n")
    if Self.isWriting {
      try new.write(
        to: Repository.root.appending(path: path), atomically: true, encoding: .utf8)
    } else {
      #expect(new == text, "\(path): a table of flags is not the program's: run 'make docs'")
    }
  }

  /// Every flag of a program that people see stands in one page at least.
  @Test(arguments: [
    "elector", "kvstore", "fake-kubelet", "fake-apiserver", "zweimaster up",
    "zweimaster-bench kvstore",
    "kube-scheduler-stand-in", "kube-controller-manager-stand-in",
  ])
  func aProgramHasATable(_ command: String) throws {
    #expect(
      Self.pages.contains { Repository.text($0)?.contains("<!-- flags: \(command) -->") == true },
      "no page has <!-- flags: \(command) -->")
  }

  // MARK: A table

  private static func table(of command: String) async throws -> [String] {
    let words = command.split(separator: " ").map(String.init)
    let dump = try await BuiltProgram(words[0]).run(["--experimental-dump-help"])
    var node = try JSONValue(parsing: Array(dump.output.utf8))["command"] ?? [:]
    for word in words.dropFirst() {
      let next = node["subcommands"]?.elements.first { $0["commandName"]?.string == word }
      node = try #require(next, "\(command): there is no sub-command \(word)")
    }
    let rows = (node["arguments"]?.elements ?? []).compactMap(Self.row)
    return rows.isEmpty
      ? ["It has no flags."] : ["| flag | default | meaning |", "| --- | --- | --- |"] + rows
  }

  /// A line of the table; `nil` for `--help`, `--version` and what is hidden.
  private static func row(_ argument: JSONValue) -> String? {
    let names = (argument["names"]?.elements ?? []).compactMap { name in
      name["name"]?.string.map { name["kind"] == "long" ? "--\($0)" : "-\($0)" }
    }
    guard argument["shouldDisplay"] == true, !names.contains("--help"), !names.contains("--version")
    else { return nil }
    let value = argument["valueName"]?.string ?? "value"
    let flag =
      switch argument["kind"]?.string {
      case "positional": "`\(value.uppercased())`"
      case "flag": names.map { "`\($0)`" }.joined(separator: ", ")
      default: names.map { "`\($0) \(value)`" }.joined(separator: ", ")
      }
    var meaning = (argument["abstract"]?.string ?? "").split(whereSeparator: \.isNewline)
      .joined(separator: " ")
    var standard = argument["defaultValue"]?.string.map { "`\($0)`" } ?? ""
    // Where the default is no value of the flag's type, the help says it in words.
    if let match = meaning.firstMatch(of: /\s*\(default: ([^)]+)\)/) {
      standard = String(match.1)
      meaning.removeSubrange(match.range)
    } else if standard.isEmpty, argument["isOptional"] == false {
      standard = "required"
    }
    if argument["kind"] == "flag", standard == "`false`" || standard.isEmpty { standard = "off" }
    return "| "
      + [flag, standard, meaning].map { cell in
        // Within backquotes a page shows `<` as it is.
        cell.replacing("|", with: "\\|").split(separator: "`", omittingEmptySubsequences: false)
          .enumerated().map { $0.isMultiple(of: 2) ? $1.replacing("<", with: "&lt;") : String($1) }
          .joined(separator: "`")
      }.joined(separator: " | ") + " |"
  }
}
