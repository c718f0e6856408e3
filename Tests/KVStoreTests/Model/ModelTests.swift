import Foundation
import SeededRandom
import TestSupport
import Testing

@testable import KVStore

/// Random requests over a socket, each answered by the server and by ``PlainModel``.
///
/// A failure names its seed; `ZWEIMASTER_MODEL_SEED` plays that one. With `ZWEIMASTER_CONFORMANCE_URL`
/// they go to the server there, to which no other client may write.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ModelTests {
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
  private typealias Parameters = [(String, String)]

  private let url: URL
  private let connection: RawConnection
  private let root: String
  private var random: SeededGenerator
  private var model: PlainModel
  private var errorCodes: Set<Int64> = []

  init(_ url: URL, seed: UInt64) throws {
    self.url = url
    self.connection = try RawConnection(host: url.host() ?? "", port: url.port ?? 80)
    self.random = SeededGenerator(seed: seed)
    self.root = "/model-\(seed)"
    self.model = PlainModel(index: 0)
    _ = try self.ask("DELETE", self.root, query: [("recursive", "true")], body: [])
    let start = try self.ask("GET", self.root, query: [], body: []).index
    self.model = PlainModel(index: start)
  }

  /// - Returns: the first request that is answered otherwise than the model does.
  func play(_ count: Int) throws -> String? {
    for step in 0..<count {
      if let difference = try self.step() { return "request \(step): \(difference)" }
    }
    // In the end every key is there as it should be, also those that no listing shows.
    for path in self.model.entries.keys.sorted() {
      if let difference = try self.compare("GET", path, query: [], body: []) { return difference }
    }
    let all = [("recursive", "true"), ("sorted", "true")]
    if let difference = try self.compare("GET", self.root, query: all, body: []) {
      return difference
    }
    // A case that never occurs is not tested.
    let missing = PlainModel.errorCodes.subtracting(self.errorCodes).sorted()
    if !missing.isEmpty { return "there was no error of these: \(missing)" }
    return try self.compare("DELETE", self.root, query: all, body: [])
  }

  // MARK: Chance

  private func chance(_ percent: Int) -> Bool {
    Int.random(in: 0..<100, using: &self.random) < percent
  }
  private func one<Element>(of list: [Element]) -> Element {
    list.randomElement(using: &self.random)!
  }

  private func step() throws -> String? {
    let method = self.one(of: [
      "GET", "GET", "HEAD", "PUT", "PUT", "PUT", "PUT", "PUT", "POST", "DELETE",
    ])
    var path = self.root
    for _ in 0..<self.one(of: [0, 1, 1, 2, 2, 2, 3, 4]) {
      path += "/" + self.one(of: ["a", "b", "c", "_h", "\u{E9}", "x y", "%", "a.b"])
    }
    // A few keys that were made are asked for again: others are rarely met, in-order ones never.
    if self.chance(40), !self.model.entries.isEmpty {
      path = self.one(of: self.model.entries.keys.sorted())
    }
    if self.chance(2), method == "PUT" || method == "DELETE" { path = "/" }
    let entry = self.model.entries[path]

    var parameters: Parameters = []
    func add(_ percent: Int, _ name: String, _ values: [String]) {
      if self.chance(percent) { parameters.append((name, self.one(of: values))) }
    }
    func flag(_ percent: Int, _ name: String) {
      add(
        percent, name,
        ["true", "true", "1", "t", "T", "TRUE", "True", "false", "false", "0", "f", "F"])
    }
    let changes = method == "PUT" || method == "POST"
    add(changes ? 80 : 5, "value", ["1", "2", "3", "", "two words & 100 %", "\u{E9}"])
    add(changes ? 20 : 3, "ttl", ["100000", "200000", "300000", "400000", ""])
    flag(changes ? 15 : 25, "dir")
    flag(30, "recursive")
    flag(15, "sorted")
    flag(method == "PUT" ? 30 : 5, "prevExist")
    add(
      15, "prevValue",
      [entry?.value ?? "", "1", "2", "3", "\u{E9}"].filter { !$0.isEmpty })
    add(
      10, "prevIndex", ["\(entry?.modified ?? 1)", "\(entry?.modified ?? 1)", "1", "0", "99999999"])
    flag(5, "noValueOnSuccess")
    flag(5, "quorum")
    if method == "PUT" {
      if self.chance(8) {
        parameters.removeAll { $0.0 == "value" || $0.0 == "ttl" }
        parameters += [("refresh", "true"), ("ttl", "500000")]
      }
      add(5, "refresh", ["true", "false", "1"])
    }
    // Invalid parameters.
    add(1, "prevIndex", ["x", "-1", "", "1.5", "99999999999999999999999"])
    add(1, "waitIndex", ["x", "-1", "", "7"])
    add(
      1,
      self.one(of: [
        "recursive", "sorted", "dir", "quorum", "stream", "prevExist", "refresh", "wait",
      ]), ["maybe", "", "yes", "tRUE"])
    add(1, "prevValue", [""])
    add(1, "ttl", ["x", "-1", "1.5", " 1"])
    if method != "GET" { add(1, "wait", ["true", "false"]) }
    parameters.shuffle(using: &self.random)

    guard changes else { return try self.compare(method, path, query: parameters, body: []) }
    let split = self.one(of: [
      0, parameters.count, Int.random(in: 0...parameters.count, using: &self.random),
    ])
    return try self.compare(
      method, path, query: Array(parameters[split...]), body: Array(parameters[..<split]))
  }

  // MARK: Asking

  private func compare(
    _ method: String, _ path: String, query: Parameters, body: Parameters
  ) throws -> String? {
    var wanted = self.model.answer(method, path, body + query)
    let got = try self.ask(method, path, query: query, body: body)
    if method == "HEAD" { wanted.body = .null }
    let isSorted = query.first { $0.0 == "sorted" }?.1.lowercased().hasPrefix("t") == true
    let found = PlainModel.Answer(
      status: got.status, body: Self.comparable(got.body, keepsOrder: isSorted), index: got.index)
    if let code = got.body["errorCode"]?.integer { self.errorCodes.insert(code) }
    if found == wanted { return nil }
    return "\(method) \(path) \(query) \(body)\nwanted \(wanted)\ngot    \(found)"
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

  private func ask(
    _ method: String, _ path: String, query: Parameters, body: Parameters
  ) throws -> PlainModel.Answer {
    func encoded(_ parameters: Parameters) -> String {
      parameters.map { "\($0.0)=\(Self.encoded($0.1))" }.joined(separator: "&")
    }
    let form = encoded(body)
    var request = "\(method) /v2/keys\(Self.encoded(path, keepsSlash: true))"
    if !query.isEmpty { request += "?" + encoded(query) }
    request += " HTTP/1.1\r\nHost: \(self.url.host() ?? "")\r\n"
    if method == "PUT" || method == "POST" {
      request +=
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: \(form.utf8.count)\r\n"
    }
    request += "\r\n" + form
    _ = self.connection.send(Array(request.utf8))
    let end = ContinuousClock.now + .seconds(60)
    let head = try self.connection.readHead(method, until: end)
    var answer: [UInt8] = []
    while let piece = try self.connection.readPiece(until: end) { answer += piece }
    return PlainModel.Answer(
      status: head.status, body: method == "HEAD" ? .null : try WireJSON(answer),
      index: head["X-Etcd-Index"].flatMap { Int64($0) } ?? -1)
  }

  private static func encoded(_ text: String, keepsSlash: Bool = false) -> String {
    text.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
        String(UnicodeScalar(byte))
      case UInt8(ascii: "/") where keepsSlash: "/"
      default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }
    }.joined()
  }
}
