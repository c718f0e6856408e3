import CommandLine
import Testing

@Suite struct GoDurationTests {
  @Test(arguments: [
    ("5s", Duration.seconds(5)), ("500ms", .milliseconds(500)), ("1m30s", .seconds(90)),
    ("1.5h", .seconds(5400)), ("0", .zero), ("-2s", .seconds(-2)), ("+2s", .seconds(2)),
    ("250us", .microseconds(250)), ("250µs", .microseconds(250)), ("7ns", .nanoseconds(7)),
    (".5s", .milliseconds(500)), ("2h45m10s", .seconds(9910)),
  ])
  func readsWhatGoReads(text: String, expected: Duration) throws {
    #expect(try GoDuration(parsing: text).duration == expected)
  }

  @Test(arguments: [
    ("5", GoDurationError.missingUnit("5")), ("", .malformed("")), ("s", .malformed("s")),
    ("5x", .unknownUnit("x", "5x")), ("1m3", .missingUnit("1m3")), ("1.2.3s", .malformed("1.2.3s")),
    ("-", .malformed("-")), ("5 s", .unknownUnit(" s", "5 s")),
    ("10000000h", .malformed("10000000h")),
  ])
  func refusesWhatGoRefuses(text: String, expected: GoDurationError) {
    #expect(throws: expected) { try GoDuration(parsing: text) }
  }

  @Test(arguments: [
    "5s", "500ms", "1m30s", "1h30m0s", "0s", "1.5s", "250µs", "7ns", "-2s", "2h0m0.25s",
  ])
  func printsAsGoPrints(text: String) throws {
    #expect(try GoDuration(parsing: text).description == text)
  }
}
