import NIOCore
import TestSupport
import Testing

@testable import KVStore

/// Conversations with one HTTP/2 connection, as traces in `Traces`.
@Suite struct HTTP2ConnectionStateTests {
  @Test(arguments: try TraceFile.all(in: "Traces/Connection"))
  func isPlayed(_ file: TraceFile) throws {
    var player = HTTP2ConnectionPlayer()
    try file.check { try player.play($0) }
  }

  @Test func nothingFollowsTheClose() throws {
    let facts = [
      "opened", "pinged", "stream closed", "page closed", "server stopped", "stop time passed",
      "idle check", "broken", "all written", "lingered", "input closed", "lost",
    ]
    let beginnings = [
      [], ["admit call"], ["server stopped"], ["admit call", "server stopped"], ["broken"],
      ["server stopped", "all written"],
    ]
    for beginning in beginnings {
      for fact in facts {
        var player = HTTP2ConnectionPlayer()
        for fact in beginning + ["lost"] { _ = try player.play(fact) }
        #expect(try player.play(fact) == [], "\(fact) after \(beginning)")
        #expect(try player.play("admit call") == ["refuse"])
      }
    }
  }
}

private struct HTTP2ConnectionPlayer {
  private static let limits: ConnectionLimits = {
    var limits = ConnectionLimits()
    limits.wire.pages = 2
    return limits
  }()

  private var now = NIODeadline.uptimeNanoseconds(0)
  private var state = HTTP2ConnectionState(
    limits: Self.limits, openedAt: .uptimeNanoseconds(0))

  struct UnknownFact: Error {
    let text: String
  }

  mutating func play(_ line: String) throws -> [String] {
    if let time = line.wholeMatch(of: /wait (\d+)s/) {
      self.now = self.now + .seconds(Int64(time.1) ?? 0)
      return []
    }
    switch line {
    case "admit call": return self.state.admit(isPage: false) ? [] : ["refuse"]
    case "admit page": return self.state.admit(isPage: true) ? [] : ["refuse"]
    case "answered":
      self.state.answered()
      return []
    case "received":
      self.state.received(at: self.now)
      return []
    default: return self.state.handle(try Self.fact(line), at: self.now).map(Self.text)
    }
  }

  private static func fact(_ line: String) throws -> HTTP2ConnectionState.Fact {
    switch line {
    case "opened": .opened
    case "pinged": .pinged
    case "stream closed": .streamClosed(isPage: false)
    case "page closed": .streamClosed(isPage: true)
    case "server stopped": .serverStopped
    case "stop time passed": .stopTimePassed
    case "idle check": .idleCheckDue
    case "broken": .broken
    case "all written": .allWritten
    case "lingered": .lingered
    case "input closed": .inputClosed
    case "lost": .lost
    default: throw UnknownFact(text: line)
    }
  }

  private static func text(_ action: HTTP2ConnectionState.Action) -> String {
    switch action {
    case .goAway(let code, let text, let isLast):
      "go away \(code.networkCode)" + (text.isEmpty ? "" : " \(text)")
        + (isLast ? ", the last" : "")
    case .endCalls(let all): all ? "end all calls" : "end the calls that are not complete"
    case .stopPages: "stop the pages"
    case .startStopTimer: "start the stop timer"
    case .checkIdleness(let time): "check idleness in \(time.nanoseconds / 1_000_000_000)s"
    case .closeOutput(let time):
      "close the output, linger for \(time.nanoseconds / 1_000_000_000)s"
    case .close: "close"
    }
  }
}
