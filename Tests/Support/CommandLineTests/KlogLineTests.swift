import Logging
import Testing

@testable import CommandLine

@Suite struct KlogLineTests {
  private func line(
    _ message: String, level: Logger.Level = .info, metadata: Logger.Metadata = [:],
    process: Int32 = 1
  ) -> String {
    LogLine(
      level: level, seconds: 0, microseconds: 857_372, process: process,
      file: "Elector/podmaster.go", line: 142, message: message, metadata: metadata
    ).text(in: .klog)
  }

  /// The recipe's own line, but for the date: `I0211 15:13:46.857372       1 podmaster.go:142] …`.
  @Test func hasTheRecipesForm() throws {
    let form =
      /^I\d{4} \d\d:\d\d:\d\d\.857372       1 podmaster\.go:142\] --whoami is empty, defaulting to a$/
    #expect(try form.wholeMatch(in: self.line("--whoami is empty, defaulting to a")) != nil)
  }

  @Test(arguments: [
    (Logger.Level.trace, "I"), (.info, "I"), (.notice, "I"), (.warning, "W"), (.error, "E"),
    (.critical, "F"),
  ])
  func severityIsTheFirstLetter(level: Logger.Level, letter: String) {
    #expect(self.line("x", level: level).hasPrefix(letter))
  }

  @Test func metadataIsQuotedAndSorted() {
    let text = self.line("Could not \"go\"", metadata: ["path": "/a", "err": "b\nc"])
    #expect(text.hasSuffix(#"] "Could not \"go\"" err="b\nc" path="/a""#))
  }

  @Test func aMessageStaysOnOneLine() {
    #expect(!self.line("a\nI0000 forged").contains("\n"))
  }

  @Test func processNumberIsRightAlignedInSevenColumns() {
    #expect(self.line("x", process: 31337).contains("   31337 podmaster.go"))
  }
}
