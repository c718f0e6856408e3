import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import KVStore

/// Conversations with one connection, as traces in `Traces`.
@Suite struct ConnectionStateTests {
  @Test(arguments: try TraceFile.all(in: "Traces")) func isPlayed(_ file: TraceFile) throws {
    var player = try ConnectionPlayer()
    try file.check { try player.play($0) }
  }

  /// Whatever is reported after the end, nothing follows but that a late watch is taken out.
  @Test func nothingLeavesTheClosedState() throws {
    let facts = [
      "opened", #"receive "GET /a HTTP/1.1\r\nHost: h\r\n\r\n""#, "input closed", "lost",
      "server stopped", "request timed out", "idle check", "authenticated root",
      "unwritable", "writable", "lingered",
      #"answered 200 "x""#, #"event "x""#, #"last event "x""#, "all written",
      "watch started index=1",
    ]
    // Every state that a connection can be closed in.
    let beginnings = [
      [], [#"receive "GET""#], ["put /a"], ["get /a", "watch started id=1 index=1"],
      ["get /a", "server stopped", #"answered 200 "x""#],
      ["get /a", "server stopped", #"answered 200 "x""#, "all written"],
      ["get /a /b", "unwritable", #"answered 200 "x""#],
    ]
    for beginning in beginnings {
      for fact in facts {
        var player = try ConnectionPlayer()
        for fact in beginning + ["lost"] { _ = try player.play(fact) }
        #expect(try player.play(fact) == [], "\(fact) after \(beginning)")
        #expect(try player.play("watch started id=2 index=1") == ["unwatch 2"])
      }
    }
  }
}

/// Plays facts that are written as text, and writes the actions as text.
struct ConnectionPlayer {
  private static let limits = ConnectionLimits(
    bytesAhead: 1000, bytesDropped: 2000, eventsBehind: 3, bytesBehind: 10_000)

  private var now = NIODeadline.uptimeNanoseconds(0)
  private var state: ConnectionState

  init() throws {
    // Without an origin in the request an answer has no CORS lines.
    let headers = ServerHeaders(
      clusterID: "c", corsOrigins: try CORSOrigins(parsing: "http://page"))
    self.state = ConnectionState(limits: Self.limits, headers: headers, openedAt: self.now)
  }

  struct UnknownFact: Error {
    let text: String
  }

  mutating func play(_ line: String) throws -> [String] {
    if let time = line.wholeMatch(of: /wait (\d+)s/) {
      self.now = self.now + .seconds(Int64(time.1) ?? 0)
      return []
    }
    if line == "may read" { return [self.state.mayRead() ? "yes" : "no"] }
    let actions = self.state.handle(try Self.fact(line), at: self.now)
    return (actions + self.state.advance(at: self.now)).map(Self.text)
  }

  private static func fact(_ line: String) throws -> ConnectionState.Fact {
    switch line {
    case "opened": return .opened
    case "input closed": return .inputClosed
    case "lost": return .lost
    case "server stopped": return .serverStopped
    case "request timed out": return .requestTimedOut
    case "idle check": return .idleCheckDue
    case "all written": return .allWritten
    case "unwritable": return .writabilityChanged(false)
    case "writable": return .writabilityChanged(true)
    case "lingered": return .lingered
    default: break
    }
    if let match = line.wholeMatch(of: /(get|put) (.+)/) {
      // Several paths are requests in one read.
      let requests = match.2.split(separator: " ").map { path in
        "\(match.1.uppercased()) \(path) HTTP/1.1\r\nHost: h\r\n\r\n"
      }
      return .received(ByteBuffer(string: requests.joined()))
    }
    if let match = line.wholeMatch(of: /receive (".*)/) {
      return .received(try self.bytes(match.1))
    }
    if let match = line.wholeMatch(of: /answered (\d+) (".*)/) {
      return .answered(
        Response(
          HTTPResponseStatus(statusCode: Int(match.1) ?? 0), body: try self.bytes(match.2)))
    }
    if let match = line.wholeMatch(
      of: /watch started(?: id=(\d+))? index=(\d+)( stream)?(?: event=(".*))?/)
    {
      return .watchStarted(
        id: match.1.flatMap { UInt64($0) }, index: UInt64(match.2) ?? 0,
        event: try match.4.map(self.bytes), isStream: match.3 != nil)
    }
    if let match = line.wholeMatch(of: /(last )?event (".*)/) {
      return .event(try self.bytes(match.2), isLast: match.1 != nil)
    }
    if let match = line.wholeMatch(of: /event written (\d+)/) {
      return .eventWritten(byteCount: Int(match.1) ?? 0)
    }
    if let match = line.wholeMatch(of: /authenticated (\S+)/) {
      return .authenticated(.user(KeyName(match.1.utf8)))
    }
    throw UnknownFact(text: line)
  }

  /// `"text\r\n"`, or `"x" * 1000`.
  private static func bytes(_ text: Substring) throws -> ByteBuffer {
    guard let match = text.wholeMatch(of: /"(.*?)"(?: \* (\d+))?/) else {
      throw UnknownFact(text: String(text))
    }
    let once = String(match.1).replacing("\\r", with: "\r").replacing("\\n", with: "\n")
    return ByteBuffer(string: String(repeating: once, count: match.2.flatMap { Int($0) } ?? 1))
  }

  private static func text(_ action: ConnectionState.Action) -> String {
    switch action {
    case .serve(let request, let requester):
      var text =
        "serve \(request.head.method) \(String(decoding: request.head.target, as: UTF8.self))"
      if request.body.readableBytes > 0 { text += " with " + self.text(request.body) }
      if case .user(let name)? = requester {
        text += " by " + String(decoding: name.bytes, as: UTF8.self)
      }
      return text
    case .write(let bytes): return "write " + self.text(bytes)
    case .writeEvent(let bytes): return "write event " + self.text(bytes)
    case .unwatch(let id): return "unwatch \(id)"
    case .cancelCall: return "cancel the call"
    case .startRequestTimer: return "start the request timer"
    case .stopRequestTimer: return "stop the request timer"
    case .checkIdleness(let time): return "check idleness in \(time.nanoseconds / 1_000_000_000)s"
    case .read: return "read"
    case .reportWhenWritten: return "report when written"
    case .closeOutput(let time):
      return "close the output, linger for \(time.nanoseconds / 1_000_000_000)s"
    case .close: return "close"
    }
  }

  private static func text(_ bytes: ByteBuffer) -> String {
    // As scalars: for Swift "\r\n" is one character.
    let text = String(buffer: bytes).unicodeScalars.reduce(into: "") { text, scalar in
      switch scalar {
      case "\r": text += "\\r"
      case "\n": text += "\\n"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text.count <= 300
      ? "\"\(text)\"" : "\"\(text.prefix(80))…\" (\(bytes.readableBytes) bytes)"
  }
}
