import TestSupport
import Testing

@testable import TestCluster

/// What the page shows of a log.
struct LogEndTests {
  private func end(of text: String) async throws -> String {
    try await TemporaryFiles.with { files in
      try files.write(text, to: "log")
      return try LogEnd.text(of: files.path("log"))
    }
  }

  @Test func aShortLogIsShownWhole() async throws {
    for text in ["", "one\n", "one\n\nthree", "\n"] {
      #expect(try await self.end(of: text) == text)
    }
  }

  @Test func aLongLogIsShownByItsLastLines() async throws {
    let lines = (1...1000).map { "line \($0)\n" }
    let last = lines.suffix(LogEnd.maximumLines).joined()
    #expect(try await self.end(of: lines.joined()) == last)
    let unfinished = try await self.end(of: lines.joined() + "line 1001")
    #expect(unfinished == lines.suffix(LogEnd.maximumLines - 1).joined() + "line 1001")
  }

  @Test func longLinesAreCut() async throws {
    let lines = ["a", "b", "c"].map { String(repeating: $0, count: 50_000) + "\n" }
    let end = try await self.end(of: lines.joined())
    #expect(end.utf8.count == LogEnd.maximumBytes)
    #expect(end.hasPrefix("bbb") && end.hasSuffix("ccc\n"))
  }

  @Test func aLogThatIsNotThereIsAnError() async throws {
    try await TemporaryFiles.with { files in
      let path = files.path("none")
      #expect(throws: ClusterError.file("read", path: path, reason: "No such file or directory")) {
        try LogEnd.text(of: path)
      }
    }
  }
}
