import Foundation
import Logging
import NIOCore
import NIOPosix
import SeededRandom
import TestSupport
import Testing

@testable import KVStore

/// Whatever bytes come as the message of a call, by gRPC or by the gateway: the call is answered once, or ends with a
/// status that says why.
///
/// `Corpus/` has the inputs that every run plays first; see ``Fuzzer``.
@Suite(.takesTurns, .timeLimit(.minutes(60))) struct CallFuzzTests {
  private static func corpus(_ name: String) -> URL {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus/\(name)")
  }

  @Test(arguments: ["calls-protobuf", "calls-json"])
  func anyMessageIsAnsweredOrRefused(_ name: String) async throws {
    let store = try Store(.memory, logger: Logger(label: "test"))
    let fuzzer = CallFuzzer(store, name == "calls-json" ? .json : .protobuf)
    try await onThreadOfItsOwn {
      try Fuzzer(corpus: Self.corpus(name)) { fuzzer.play($0) }.run { fuzzer.input(&$0) }
    }
    await store.close()
  }
}

/// The first byte of an input is the method, and the rest its message.
private struct CallFuzzer: Sendable {
  private let services: Services
  private let encoding: CallHead.Encoding
  private let methods: [KVStore.Method]
  private let loop = MultiThreadedEventLoopGroup.singleton.next()

  init(_ store: Store, _ encoding: CallHead.Encoding) {
    self.services = Services(
      store: store, identity: Identity(clusterID: 1, name: "fuzz", clients: []))
    self.encoding = encoding
    // Passwords take tens of milliseconds each, and with users there is nothing that a guest may do.
    let slow = ["AuthEnable", "Authenticate", "UserAdd", "UserChangePassword"]
    self.methods = MethodTable.standard.all.filter { !slow.contains($0.name) }
      .sorted { $0.path < $1.path }
  }

  // MARK: Inputs

  private static let messages: [[UInt8]] = [
    [], [0x0A, 1, 0x61], [0x0A, 1, 0x61, 0x12, 1, 0x62], [0x0A, 1, 0x61, 0x12, 1, 0],
    // A put with a lease and all flags; a range with all fields.
    [0x0A, 1, 0x61, 0x12, 2, 0x78, 0x79, 0x18, 1, 0x20, 1, 0x28, 1, 0x30, 1],
    [
      0x0A, 1, 0x61, 0x12, 1, 0x7A, 0x18, 5, 0x20, 2, 0x28, 1, 0x30, 3, 0x38, 1, 0x40, 1, 0x48, 1,
      0x50, 1, 0x58, 9, 0x60, 1, 0x68, 9,
    ],
    // A transaction: a comparison of a revision, a put, a range.
    [
      0x0A, 7, 0x10, 2, 0x1A, 1, 0x61, 0x30, 3, 0x12, 8, 0x12, 6, 0x0A, 1, 0x61, 0x12, 1, 0x79,
      0x1A, 5, 0x0A, 3, 0x0A, 1, 0x61,
    ],
    // A watch, a lease.
    [0x0A, 5, 0x0A, 1, 0x61, 0x18, 1], [0x08, 0x3C, 0x10, 7], [0x08, 7],
  ]
  private static let pieces: [[UInt8]] = [
    [0x0A], [0x12], [0x1A], [0x08], [0x10], [0x18], [0], [1], [0x7F], [0x80], [0xFF],
    [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], [0x0A, 1, 0x61], [0x12, 1, 0x62],
    [0x0D, 0, 0, 0, 0], [0x09, 0, 0, 0, 0, 0, 0, 0, 0], [0x0B], [0x0C], [0xFA, 0x7F, 0], [0x22, 0],
    [0x0A, 0x80, 0x01], [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07],
  ]
  private static let texts = [
    "", "{}", "{\"key\":\"YQ==\"}", "{\"key\":\"YQ==\",\"range_end\":\"AA==\",\"limit\":\"2\"}",
    "{\"key\":\"YQ==\",\"value\":\"Yg==\",\"lease\":\"7\",\"prev_kv\":true}",
    "{\"compare\":[{\"key\":\"YQ==\",\"target\":\"MOD\",\"mod_revision\":3}],\"success\":"
      + "[{\"request_put\":{\"key\":\"YQ==\"}}],\"failure\":[{\"request_range\":{\"key\":\"YQ==\"}}]}",
    "{\"create_request\":{\"key\":\"YQ==\",\"start_revision\":1}}", "{\"ID\":7,\"TTL\":\"60\"}",
    "{\"name\":\"YQ==\",\"lease\":7}", "{\"action\":\"ACTIVATE\",\"alarm\":\"NOSPACE\"}",
  ]
  private static let textPieces = [
    "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u0000", "\\ud800", "null", "true", "-1", "1e9",
    "9223372036854775808", "\"YQ\"", "\"=\"", "\"key\":", "\"sort_order\":\"NONE\",",
    "\"sort_target\":7,", "\"success\":[", "{\"request_txn\":", "\u{E9}", " ", "\n", "0.5",
  ]

  func input(_ random: inout SeededGenerator) -> [UInt8] {
    // Every other call is one of keys.
    let keys = self.methods.indices.filter { self.methods[$0].service == "etcdserverpb.KV" }
    let method =
      Bool.random(using: &random)
      ? keys.randomElement(using: &random) ?? 0
      : Int.random(in: 0..<self.methods.count, using: &random)
    let message =
      self.encoding == .json
      ? Fuzzer.mutated(Self.texts, with: Self.textPieces, &random)
      : Fuzzer.mutated(Self.messages, with: Self.pieces, &random)
    return [UInt8(method)] + message
  }

  // MARK: Play

  func play(_ input: [UInt8]) -> Fuzzer.Outcome {
    let method = self.methods[Int(input.first ?? 0) % self.methods.count]
    let outcome = self.loop.makePromise(of: Fuzzer.Outcome.self)
    let head = CallHead(encoding: self.encoding, loop: self.loop)
    let services = self.services
    let message = ByteBuffer(bytes: input.dropFirst())
    self.loop.execute {
      let answers = FuzzedAnswers(method, isJSON: head.encoding == .json, outcome)
      let handler = services.makeHandler(method, head, answers)
      handler.received(message)
      if !answers.isEnded { handler.halfClosed() }
      // A stream goes on, and who waits for a lock may wait for ever.
      if !answers.isEnded, method.isStream || handler.waitsForOthers {
        handler.cancelled()
        outcome.succeed(.init(problem: answers.problem, reached: ["\(method.name)-waits"]))
      }
    }
    let timeout = self.loop.scheduleTask(in: .seconds(20)) {
      outcome.succeed(.init(problem: "\(method.path) never ends"))
    }
    defer { timeout.cancel() }
    do {
      return try outcome.futureResult.wait()
    } catch {
      return .init(problem: "\(error)")
    }
  }
}

/// Looks whether a call is answered as calls are.
private final class FuzzedAnswers: CallAnswers {
  private let method: KVStore.Method
  private let isJSON: Bool
  private let outcome: EventLoopPromise<Fuzzer.Outcome>
  private var messageCount = 0
  private(set) var isEnded = false
  private(set) var problem: String?

  init(_ method: KVStore.Method, isJSON: Bool, _ outcome: EventLoopPromise<Fuzzer.Outcome>) {
    (self.method, self.isJSON, self.outcome) = (method, isJSON, outcome)
  }

  var isWritable: Bool { true }

  func send(_ message: ByteBuffer) {
    self.messageCount += 1
    if self.isEnded { self.problem = "a message after the end" }
    if self.isJSON, (try? WireJSON(message.readableBytesView)) == nil {
      self.problem = "no JSON: \(String(buffer: message))"
    }
  }

  func end(_ status: RPCStatus) {
    if self.isEnded { self.problem = "two ends" }
    self.isEnded = true
    if status.code != .ok, status.text.isEmpty { self.problem = "\(status) says nothing" }
    if !self.method.isStream, (status.code == .ok) != (self.messageCount == 1) {
      self.problem = "\(self.messageCount) answers, and \(status)"
    }
    self.outcome.succeed(
      .init(
        problem: self.problem.map { "\(self.method.path): \($0)" },
        reached: ["\(self.method.name)-\(status.code)"]))
  }
}
