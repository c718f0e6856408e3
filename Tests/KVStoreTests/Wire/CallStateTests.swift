import NIOCore
import TestSupport
import Testing

@testable import KVStore

/// Conversations of one call, as traces in `Traces`.
@Suite struct CallStateTests {
  @Test(arguments: try TraceFile.all(in: "Traces/Call")) func isPlayed(_ file: TraceFile) throws {
    var player = CallPlayer()
    try file.check { try player.play($0) }
  }

  /// Whatever is reported after the end, nothing follows.
  @Test func nothingFollowsTheEnd() throws {
    let facts = [
      #"receive 0:"a""#, "receive end", "send 1", "left 0", "window 0", "end", "lost",
      "connection behind", "connection ready",
    ]
    let beginnings = [
      [], [#"receive 0:"a""#], ["receive end"], ["send 1"], ["send 200"], ["connection behind"],
      [#"receive 0:"a" end"#], ["window 0"],
    ]
    for beginning in beginnings {
      for end in ["end", "lost"] {
        for fact in facts {
          var player = CallPlayer()
          for fact in beginning + [end] { _ = try player.play(fact) }
          let actions = try player.play(fact).filter { $0 != "no more" && $0 != "known" }
          #expect(actions == [], "\(fact) after \(beginning) and \(end)")
        }
      }
    }
  }
}

/// Plays facts that are written as text, and writes what follows as text.
///
/// - `receive 0:"abc" end`: a message of three bytes and the client's end; `receive bytes 0 0 0` any bytes.
/// - `send 10`: the service sends a message of ten bytes. `left 15`: as many bytes, with prefixes, have left.
private struct CallPlayer {
  private static let limits: WireLimits = {
    var limits = WireLimits()
    limits.messageBytes = 100
    limits.bytesBehind = 100
    return limits
  }()

  private var state = CallState(limits: Self.limits)

  struct UnknownFact: Error {
    let text: String
  }

  mutating func play(_ line: String) throws -> [String] {
    var actions: [String] = []
    if let match = line.wholeMatch(of: #/receive( .*?)??( end)?/#) {
      self.state.received(try Self.bytes(match.1 ?? ""), isLast: match.2 != nil)
    } else if let match = line.wholeMatch(of: /send (\d+)/) {
      switch self.state.sent(Int(match.1) ?? 0) {
      case nil: actions.append("no more")
      case true?: actions += ["write the head", "write"]
      case false?: actions.append("write")
      }
    } else if let match = line.wholeMatch(of: /left (\d+)/) {
      if self.state.left(Int(match.1) ?? 0) { actions.append("proceed") }
    } else if let match = line.wholeMatch(of: /window (\d+)/) {
      self.state.windowChanged(Int(match.1) ?? 0)
    } else {
      switch line {
      case "end":
        let ending = self.state.ended()
        actions.append(
          ending.map { ending in
            (ending.isWholeAnswer ? "write the whole answer" : "write trailers")
              + (ending.resets ? ", then reset" : "")
          } ?? "known")
      case "lost": actions.append(self.state.lost() ? "cancelled" : "known")
      case "connection behind": self.state.isConnectionBehind = true
      case "connection ready": self.state.isConnectionBehind = false
      case "writable?": actions.append(self.state.isWritable ? "yes" : "no")
      default: throw UnknownFact(text: line)
      }
    }
    while let delivery = self.state.next() {
      switch delivery {
      case .message(let message): actions.append("message \"\(String(buffer: message))\"")
      case .halfClosed: actions.append("half-closed")
      case .refusal(let status): actions.append("refuse \(status.code) \(status.text)")
      }
    }
    if let count = self.state.grant() { actions.append("grant \(count)") }
    return actions
  }

  /// ` 0:"abc"` with a flag, or ` bytes 0 1 2`, any number of them.
  private static func bytes(_ text: Substring) throws -> ByteBuffer {
    var bytes = ByteBuffer()
    var rest = text
    while !rest.isEmpty {
      if let match = rest.prefixMatch(of: #/ (\d+):"([^"]*)"/#) {
        bytes.writeImmutableBuffer(
          WireClient.message(String(match.2), flag: UInt8(match.1) ?? 0))
        rest = rest[match.range.upperBound...]
      } else if let match = rest.prefixMatch(of: #/ bytes((?: \d+)+)/#) {
        bytes.writeBytes(match.1.split(separator: " ").compactMap { UInt8($0) })
        rest = rest[match.range.upperBound...]
      } else {
        throw UnknownFact(text: String(text))
      }
    }
    return bytes
  }
}
