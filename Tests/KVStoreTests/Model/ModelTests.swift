import Foundation
import TestSupport
import Testing

@testable import KVStore

/// Random requests over a socket, each answered by the server and by ``PlainModel``.
///
/// A failure names its seed; `ZWEIMASTER_MODEL_SEED` plays that one. With `ZWEIMASTER_CONFORMANCE_URL`
/// they go to the server there, to which no other client may write.
@Suite(.serialized, .takesTurns, .timeLimit(.minutes(10))) struct ModelTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let seeds: [UInt64] =
    Self.environment["ZWEIMASTER_MODEL_SEED"].flatMap { UInt64($0) }.map { [$0] }
    ?? (1...6).map { _ in UInt64.random(in: 1...1_000_000_000) }

  @Test(arguments: Self.seeds) func answersAsThePlainModelDoes(seed: UInt64) async throws {
    print("model: seed \(seed)")
    if let url = Self.environment["ZWEIMASTER_CONFORMANCE_URL"] {
      try await self.compare(base: url, seed: seed)
    } else {
      try await withServer { try await self.compare(base: $0.base, seed: seed) }
    }
  }

  private func compare(base: String, seed: UInt64) async throws {
    let difference = try await onThreadOfItsOwn {
      try ModelPlayer(try #require(URL(string: base)), seed: seed).play(4000)
    }
    #expect(difference == nil, "ZWEIMASTER_MODEL_SEED=\(seed)")
  }
}

private final class ModelPlayer {
  private let connection: RawConnection
  private let root: String
  private var calls: RandomCalls
  private var model: PlainModel
  private var errorCodes: Set<Int64> = []

  init(_ url: URL, seed: UInt64) throws {
    self.connection = try RawConnection(host: url.host() ?? "", port: url.port ?? 80)
    self.root = "/model-\(seed)"
    self.calls = RandomCalls(root: self.root, seed: seed)
    self.model = PlainModel(index: 0)
    _ = try self.ask(
      KeysCall(method: "DELETE", path: self.root, query: [("recursive", "true")]))
    self.model = PlainModel(index: try self.ask(KeysCall(method: "GET", path: self.root)).index)
  }

  /// - Returns: the first request that is answered otherwise than the model does.
  func play(_ count: Int) throws -> String? {
    for step in 0..<count {
      let call = self.calls.next({ self.model.entries.keys.sorted() }) { path in
        self.model.entries[path].map { .init(value: $0.value, modified: $0.modified) }
      }
      if let difference = try self.compare(call) { return "request \(step): \(difference)" }
    }
    // In the end every key is there as it should be, also those that no listing shows.
    for path in self.model.entries.keys.sorted() {
      if let difference = try self.compare(KeysCall(method: "GET", path: path)) {
        return difference
      }
    }
    let all = [("recursive", "true"), ("sorted", "true")]
    if let difference = try self.compare(KeysCall(method: "GET", path: self.root, query: all)) {
      return difference
    }
    // A case that never occurs is not tested.
    let missing = PlainModel.errorCodes.subtracting(self.errorCodes).sorted()
    if !missing.isEmpty { return "there was no error of these: \(missing)" }
    return try self.compare(KeysCall(method: "DELETE", path: self.root, query: all))
  }

  private func ask(_ call: KeysCall) throws -> PlainModel.Answer {
    _ = self.connection.send(call.bytes)
    return try call.readAnswer(from: self.connection)
  }

  private func compare(_ call: KeysCall) throws -> String? {
    var wanted = self.model.answer(call.method, call.path, call.body + call.query)
    let got = try self.ask(call)
    if call.method == "HEAD" { wanted.body = .null }
    let found = PlainModel.Answer(
      status: got.status, body: Self.comparable(got.body, keepsOrder: call.isSorted),
      index: got.index)
    if let code = got.body["errorCode"]?.integer { self.errorCodes.insert(code) }
    if found == wanted { return nil }
    return "\(call)\nwanted \(wanted)\ngot    \(found)"
  }

  /// Values that depend on the time become constants; nodes that may come in any order are sorted.
  private static func comparable(_ json: WireJSON, keepsOrder: Bool) -> WireJSON {
    guard var members = json.object else { return json }
    for name in ["node", "prevNode"] {
      members[name] = members[name].map { self.comparable($0, keepsOrder: keepsOrder) }
    }
    if let ttl = members["ttl"]?.integer, let expiration = members["expiration"]?.text,
      let end = ScenarioState.secondsSince1970(expiration),
      abs(end - Date().timeIntervalSince1970 - Double(ttl)) < 60
    {
      members["ttl"] = nil
      members["expiration"] = nil
      members["expires"] = .integer((ttl + 99_999) / 100_000)
    }
    if let nodes = members["nodes"]?.array?.map({ self.comparable($0, keepsOrder: keepsOrder) }) {
      members["nodes"] = .array(
        keepsOrder
          ? nodes
          : nodes.sorted {
            ($0["key"]?.text ?? "").utf8.lexicographicallyPrecedes(($1["key"]?.text ?? "").utf8)
          })
    }
    return .object(members)
  }
}
