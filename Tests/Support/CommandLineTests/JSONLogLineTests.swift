import Foundation
import Logging
import Testing

@testable import CommandLine

@Suite struct JSONLogLineTests {
  private func line(_ message: String, metadata: Logger.Metadata = [:]) -> String {
    LogLine(
      level: .warning, seconds: 1_700_000_000, microseconds: 42, process: 1,
      file: "KVStore/Store.swift", line: 142, message: message, metadata: metadata
    ).text(in: .json)
  }

  @Test func hasTheFourMembersInTheirOrder() {
    #expect(
      self.line("hello")
        == #"{"ts":"2023-11-14T22:13:20.000042Z","severity":"warning","caller":"Store.swift:142","msg":"hello"}"#
    )
  }

  @Test func metadataFollowInTheOrderOfTheKeys() {
    #expect(
      self.line("x", metadata: ["path": "/a", "err": "no"])
        .hasSuffix(#""msg":"x","err":"no","path":"/a"}"#))
  }

  @Test func metadataCannotTakeTheFoursNames() {
    #expect(self.line("x", metadata: ["msg": "y"]).hasSuffix(#""msg":"x","_msg":"y"}"#))
  }

  @Test(arguments: ["a\nb", "\"\\\r\t\u{0}\u{1F}", "é😀\u{2028}"])
  func anyTextIsOneLineOfValidJSON(text: String) throws {
    let line = self.line(text, metadata: ["k": "\(text)"])
    #expect(!line.contains("\n"))
    let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
    #expect(object?["msg"] == text)
    #expect(object?["k"] == text)
  }
}
