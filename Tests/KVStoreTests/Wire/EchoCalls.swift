import NIOCore
import Synchronization

@testable import KVStore

/// Services for tests of the wire, and what they were told.
///
/// | method of `/test.Echo/` | what it does |
/// | --- | --- |
/// | `Unary` | sends the first message back, and ends |
/// | `Stream` | sends each message back, and ends with the client's direction |
/// | `Fail` | ends with the first message as the text, without a message |
/// | `Refuse` | is refused before its first message |
/// | `Silent` | never answers |
/// | `Flood` | sends messages of 1,000 bytes for as long as they are taken |
/// | `Large` | sends one message of as many bytes as the first message has digits for, and ends |
struct EchoCalls: CallTable {
  /// What has happened in all calls, in its order.
  final class Log: Sendable {
    private let lines = Mutex<[String]>([])
    private let bytes = Mutex(0)

    var text: [String] { self.lines.withLock { $0 } }
    /// Bytes of messages that the calls have sent.
    var sentBytes: Int { self.bytes.withLock { $0 } }

    func add(_ line: String) { self.lines.withLock { $0.append(line) } }
    func sent(_ byteCount: Int) { self.bytes.withLock { $0 += byteCount } }
  }

  let log = Log()

  func handler(
    _ path: String, _ head: CallHead, _ answers: any CallAnswers
  ) throws(RPCStatus) -> any CallHandler {
    let parts = path.split(separator: "/")
    guard parts.first == "test.Echo" else {
      throw RPCStatus(.unimplemented, "unknown service \(parts.first ?? "")")
    }
    if let token = head.token { self.log.add("token \(token)") }
    if let name = head.certificateName {
      self.log.add("certificate \(String(decoding: name.bytes, as: UTF8.self))")
    }
    switch parts[1] {
    case "Unary", "Stream", "Fail", "Silent", "Flood", "Large":
      return EchoCall(String(parts[1]), self.log, answers)
    case "Refuse": throw RPCStatus(.permissionDenied, "käse %\n")
    default:
      throw RPCStatus(.unimplemented, "unknown method \(parts[1]) for service test.Echo")
    }
  }
}

private final class EchoCall: CallHandler {
  private let method: String
  private let log: EchoCalls.Log
  private let answers: any CallAnswers

  init(_ method: String, _ log: EchoCalls.Log, _ answers: any CallAnswers) {
    (self.method, self.log, self.answers) = (method, log, answers)
  }

  func received(_ message: ByteBuffer) {
    self.log.add("\(self.method) received \(message.readableBytes)")
    switch self.method {
    case "Unary":
      self.answers.send(message)
      self.answers.end(.ok)
    case "Stream": self.answers.send(message)
    case "Fail": self.answers.end(RPCStatus(.aborted, String(buffer: message)))
    case "Flood": self.flood()
    case "Large":
      let size = Int(String(buffer: message)) ?? 0
      self.answers.send(ByteBuffer(repeating: UInt8(ascii: "x"), count: size))
      self.answers.end(.ok)
    default: break
    }
  }

  func halfClosed() {
    self.log.add("\(self.method) half-closed")
    if self.method == "Stream" { self.answers.end(.ok) }
  }

  func cancelled() { self.log.add("\(self.method) cancelled") }

  func becameWritable() {
    self.log.add("\(self.method) writable")
    if self.method == "Flood" { self.flood() }
  }

  private func flood() {
    while self.answers.isWritable {
      self.answers.send(ByteBuffer(repeating: UInt8(ascii: "x"), count: 1_000))
      self.log.sent(1_000)
    }
  }
}

/// A server with these services.
func withEchoServer(
  listenURLs: [String] = ["http://127.0.0.1:0"], tls: TLSFiles = TLSFiles(),
  limits: ConnectionLimits = ConnectionLimits(), maxConnections: Int? = nil,
  isolation: isolated (any Actor)? = #isolation,
  _ body: (KVStoreServer, EchoCalls.Log) async throws -> Void
) async throws {
  let calls = EchoCalls()
  let server = try await KVStoreServer.start(
    .memory, listenURLs: listenURLs, name: "test", tls: tls, maxConnections: maxConnections,
    logger: .init(label: "test"), limits: limits, calls: calls
  )
  do {
    try await body(server, calls.log)
    await server.stop()
  } catch {
    await server.stop()
    throw error
  }
}
