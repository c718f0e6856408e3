import Foundation
import SeededRandom
import TestSupport

/// Plays random calls of the v3 API on two servers, by their gateways, with watches that begin in the past and in the
/// present: every answer and every event is the same.
final class CallComparison {
  private let sides: [(name: String, client: GatewayClient)]
  private var random: SeededGenerator
  private var revision: Int64 = 1
  private var compacted: Int64 = 0
  private var played: [String] = []
  private var sentinel = 0
  private var isWatching = false
  private(set) var tally = Tally()

  /// What has happened: a case that never occurs is not compared.
  struct Tally: CustomStringConvertible {
    var calls: [String: Int] = [:]
    var refusals: [String: Int] = [:]
    var events = 0

    var description: String {
      func list(_ counts: [String: Int]) -> String {
        counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
      }
      return "\(list(self.calls)); refused: \(list(self.refusals)); \(self.events) events"
    }
  }

  init(kvstore: Int, etcd: Int, seed: UInt64) throws {
    self.sides = [
      ("kvstore", try GatewayClient(port: kvstore)), ("etcd", try GatewayClient(port: etcd)),
    ]
    self.random = SeededGenerator(seed: seed)
  }

  /// - Throws: ``Difference`` for the first one, with the calls before it.
  func play(_ count: Int) throws {
    do {
      var left = count
      while left > 0 {
        let size = min(left, Int.random(in: 5...60, using: &self.random))
        try self.playBatch(size)
        left -= size
      }
    } catch let difference as Difference {
      throw Difference(
        "kvstore and etcd differ: \(difference)\n\(self.played.suffix(60).joined(separator: "\n"))")
    }
  }

  // MARK: Chance

  private func number(_ most: Int64) -> Int64 { Int64.random(in: 0...most, using: &self.random) }
  private func chance(_ percent: Int64) -> Bool { self.number(99) < percent }
  private func one(of words: [String]) -> String {
    words[Int(self.number(Int64(words.count - 1)))]
  }

  /// Ten of them: beyond a dozen, Go's sort is not stable.
  private func key() -> String { "k\(self.number(4))\(self.chance(25) ? "/" : "")" }

  private func range() -> String {
    let key = self.chance(2) ? "" : self.key()
    let end =
      switch self.number(6) {
      case 0: "\u{0}"
      case 1, 2: self.key()
      case 3: "l"
      default: ""
      }
    return "\"key\":\(base64(key))" + (end.isEmpty ? "" : ",\"range_end\":\(base64(end))")
  }

  /// Most of them can be read.
  private func someRevision() -> Int64 {
    switch self.number(9) {
    case 0: self.revision + self.number(2)
    case 1: self.number(self.revision)
    default: max(self.compacted, self.revision - self.number(50))
    }
  }

  /// A real etcd ends when a put in a transaction keeps something of a key that the transaction has just deleted.
  private func put(isInTxn: Bool = false) -> String {
    var fields = "\"key\":\(base64(self.chance(1) ? "" : self.key()))"
    if !self.chance(5) { fields += ",\"value\":\(base64("v\(self.number(9))"))" }
    if self.chance(25) { fields += ",\"lease\":\"\(self.number(6))\"" }
    if self.chance(30) { fields += ",\"prev_kv\":true" }
    if !isInTxn, self.chance(6) { fields += ",\"ignore_value\":true" }
    if !isInTxn, self.chance(6) { fields += ",\"ignore_lease\":true" }
    return fields
  }

  private func rangeRequest() -> String {
    var fields = self.range()
    if self.chance(40) { fields += ",\"revision\":\"\(self.someRevision())\"" }
    if self.chance(30) { fields += ",\"limit\":\"\(self.number(5))\"" }
    if self.chance(15) { fields += ",\"keys_only\":true" }
    if self.chance(10) { fields += ",\"count_only\":true" }
    if self.chance(10) { fields += ",\"serializable\":true" }
    if self.chance(40) {
      fields += ",\"sort_order\":\"\(self.one(of: ["NONE", "ASCEND", "DESCEND"]))\""
      fields +=
        ",\"sort_target\":\"\(self.one(of: ["KEY", "VERSION", "CREATE", "MOD", "VALUE"]))\""
    }
    for name in ["min_mod", "max_mod", "min_create", "max_create"] where self.chance(8) {
      fields += ",\"\(name)_revision\":\"\(self.number(self.revision))\""
    }
    return fields
  }

  private func deletion() -> String {
    self.range() + (self.chance(50) ? ",\"prev_kv\":true" : "")
  }

  private func comparison() -> String {
    let target = self.one(of: ["VERSION", "CREATE", "MOD", "VALUE", "LEASE"])
    let value =
      switch target {
      case "VERSION": "\"version\":\"\(self.number(3))\""
      case "CREATE": "\"create_revision\":\"\(self.chance(50) ? 0 : self.someRevision())\""
      case "MOD": "\"mod_revision\":\"\(self.chance(30) ? 0 : self.someRevision())\""
      case "VALUE": "\"value\":\(base64("v\(self.number(9))"))"
      default: "\"lease\":\"\(self.number(4))\""
      }
    let result = self.one(of: ["EQUAL", "GREATER", "LESS", "NOT_EQUAL"])
    return "{\(self.range()),\"target\":\"\(target)\",\"result\":\"\(result)\",\(value)}"
  }

  private func txn(_ depth: Int = 0) -> String {
    func list(_ most: Int64, _ make: () -> String) -> String {
      (0..<self.number(most)).map { _ in make() }.joined(separator: ",")
    }
    func operation() -> String {
      switch self.number(depth < 2 ? 9 : 8) {
      case 0...2: "{\"request_range\":{\(self.rangeRequest())}}"
      case 3...6: "{\"request_put\":{\(self.put(isInTxn: true))}}"
      case 7, 8: "{\"request_delete_range\":{\(self.deletion())}}"
      default: "{\"request_txn\":{\(self.txn(depth + 1))}}"
      }
    }
    let comparisons = list(2, self.comparison)
    let (success, failure) = (list(3, operation), list(3, operation))
    return "\"compare\":[\(comparisons)],\"success\":[\(success)],\"failure\":[\(failure)]"
  }

  private func nextCall() -> (path: String, body: String) {
    switch self.number(99) {
    case 0..<30: ("/kv/put", self.put())
    case 30..<55: ("/kv/range", self.rangeRequest())
    case 55..<65: ("/kv/deleterange", self.deletion())
    case 65..<85: ("/kv/txn", self.txn())
    // Far apart: leases are listed in the order of their ends.
    case 85..<89:
      (
        "/lease/grant",
        "\"ID\":\"\(1 + self.number(5))\",\"TTL\":\"\(6_000 * (1 + self.number(9)))\""
      )
    case 89..<92: ("/lease/revoke", "\"ID\":\"\(1 + self.number(6))\"")
    case 92..<95: ("/lease/timetolive", "\"ID\":\"\(1 + self.number(6))\",\"keys\":true")
    case 95: ("/lease/leases", "")
    // etcd compacts revision 0 once, which changes nothing.
    // It tells a watch of the past ten times a second, and a compaction may come before.
    case 96 where !self.isWatching:
      ("/kv/compaction", "\"revision\":\"\(max(1, self.someRevision()))\",\"physical\":true")
    default: ("/lease/keepalive", "\"ID\":\"\(1 + self.number(6))\"")
    }
  }

  // MARK: Play

  private func playBatch(_ size: Int) throws {
    self.played = []
    var watches: [Watch] = []
    for _ in 0..<size {
      if watches.count < 6, self.chance(15) { watches.append(try self.beginWatch()) }
      let (path, body) = self.nextCall()
      try self.compare(path, "{\(body)}")
    }
    try self.compare("/kv/range", "{\"key\":\(base64("\u{0}")),\"range_end\":\(base64("\u{0}"))}")
    for watch in watches { try self.end(watch) }
    self.isWatching = false
  }

  private func compare(_ path: String, _ body: String) throws {
    for side in self.sides { side.client.send(path, body) }
    let answers = try self.sides.map { try $0.client.answer() }
    self.played.append("\(path) \(body) -> \(answers[0].status), revision \(answers[0].revision)")
    let bodies = answers.map { Self.comparable($0.body) }
    guard answers[0].status == answers[1].status, bodies[0] == bodies[1] else {
      throw Difference(
        "\(path) \(body):\n\(answers[0].status) \(bodies[0])\n\(answers[1].status) \(bodies[1])")
    }
    self.tally.calls[path, default: 0] += 1
    if answers[0].status != 200 {
      self.tally.refusals[bodies[0]["error"]?.text ?? "?", default: 0] += 1
    }
    self.revision = max(self.revision, answers[0].revision)
    if path == "/kv/compaction", answers[0].status == 200 {
      let request = try WireJSON(body.utf8)
      self.compacted = request.number64("revision")
    }
  }

  /// Without what names a server, and with what is left of a lease in tens of minutes.
  private static func comparable(_ value: WireJSON) -> WireJSON {
    switch value {
    case .object(var members):
      for name in ["cluster_id", "member_id", "raft_term"] { members[name] = nil }
      if members["grantedTTL"] != nil {
        members["TTL"] = nil
        // In etcd they have no order.
        members["keys"] = members["keys"]?.array.map { keys in
          .array(keys.sorted { ($0.text ?? "") < ($1.text ?? "") })
        }
      }
      return .object(members.mapValues(Self.comparable))
    case .array(let items): return .array(items.map(Self.comparable))
    default: return value
    }
  }

  // MARK: Watches

  private struct Watch {
    let key: String
    let creation: String
    let halves: [GatewayWatch]
  }

  private func beginWatch() throws -> Watch {
    let key = self.key()
    var creation = "\"key\":\(base64(key))"
    if self.chance(60) { creation += ",\"range_end\":\(base64("l"))" }
    if self.chance(60), self.revision > self.compacted + 1 {
      let start = max(self.compacted + 1, self.revision - self.number(60))
      creation += ",\"start_revision\":\"\(start)\""
    }
    if self.chance(40) { creation += ",\"prev_kv\":true" }
    if self.chance(10) { creation += ",\"filters\":[\"NODELETE\"]" }
    self.isWatching = true
    self.played.append("watch \(creation)")
    let halves = try self.sides.map { try GatewayWatch(port: $0.client.port, creation) }
    return Watch(key: key, creation: creation, halves: halves)
  }

  /// Puts the key of the watch once more, and compares the events up to that one.
  private func end(_ watch: Watch) throws {
    self.sentinel += 1
    let value = "end-\(self.sentinel)"
    try self.compare("/kv/put", "{\"key\":\(base64(watch.key)),\"value\":\(base64(value))}")
    let events = try zip(watch.halves, self.sides).map { half, side in
      var events: [WireJSON] = []
      while events.last?["kv"]?.bytes64("value") != value {
        guard let results = try half.next(until: .now + .seconds(60)) else {
          throw Difference("watch \(watch.creation): \(side.name) ends it after \(events)")
        }
        for result in results {
          // A watch whose past has been compacted meanwhile.
          if result["canceled"]?.bool == true { return [Self.comparable(result)] }
          events += result["events"]?.array ?? []
        }
      }
      return events
    }
    let isCancelled = events.contains { $0.first?["canceled"] != nil }
    guard isCancelled || events[0] == events[1] else {
      let first = zip(events[0], events[1]).first { $0 != $1 }
      throw Difference(
        "watch \(watch.creation): \(events.map(\.count)) events, first difference: "
          + "\(first.map { "\($0)" } ?? "none")")
    }
    self.tally.events += events[0].count
  }
}
