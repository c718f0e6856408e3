import Foundation
import TestSupport
import Testing

@testable import KVStore

/// What real etcds, 3.4.23 and 3.5.1, answered to single calls.
@Suite struct RevisionScenarioTests {
  private static let files = [
    "01-put-get", "02-range", "03-range-revision", "04-delete", "06-txn-compare", "07-txn",
    "08-compaction", "09-lease",
  ]

  private static func scenarios(_ file: String) throws -> [WireJSON] {
    let path = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../Calls/Cases/\(file).json")
    return try WireJSON(try Data(contentsOf: path)).items
  }

  @Test(arguments: Self.files) func theAnswersAreThoseOfARealOne(file: String) throws {
    var played = 0
    for scenario in try Self.scenarios(file) {
      let steps = scenario["steps"]?.items ?? []
      // Streams are not the keyspace's.
      guard steps.allSatisfy({ $0["call"] != nil && $0["open"] == nil }) else { continue }
      var player = RevisionPlayer()
      for (number, step) in steps.enumerated() {
        let problem = try player.play(step)
        #expect(
          problem == nil,
          "\(file), \(scenario["name"]?.string ?? ""), step \(number + 1): \(problem ?? "")")
      }
      played += 1
    }
    #expect(played >= 10)
  }
}

/// A value of an answer.
private indirect enum Shown: Equatable {
  case number(Int64)
  case flag
  case bytes([UInt8])
  case list([Shown])
  case message([String: Shown])
}

/// Plays the calls of one scenario on a keyspace of its own.
private struct RevisionPlayer {
  private var tree = RevisionTree()
  /// Revisions of a scenario count from here.
  private let start: Int64
  private var kept: [String: Shown] = [:]
  private var lastID: Int64 = 1_000_000
  private let now = StoreTime(nanoseconds: 1_700_000_000_000_000_000)

  init() {
    // The store is not new.
    for key in ["!", "z"] { _ = try? self.tree.put(PutRequest(RevisionKey(key.utf8))) }
    self.start = self.tree.revision
  }

  /// - Returns: what is not as expected.
  mutating func play(_ step: WireJSON) throws -> String? {
    for number in 0..<(step["repeat"]?.int ?? 1) {
      let request = self.expanded(step["req"] ?? .object([:]), number)
      do throws(RevisionError) {
        let answer = try self.call(step["call"]?.string ?? "", request)
        guard let expected = step["reply"] else { return "an answer: \(answer)" }
        if let problem = self.difference(self.expanded(expected, number), answer, "reply") {
          return problem
        }
      } catch {
        let expected = step["error"]?.items.compactMap(\.string) ?? []
        if [error.code.name, error.text] != expected { return "\(error.code.name) \(error.text)" }
      }
    }
    return nil
  }

  // MARK: Calls

  private mutating func call(
    _ name: String, _ request: WireJSON
  ) throws(RevisionError) -> Shown {
    var answer: [String: Shown] = [:]
    switch name {
    case "KV/Range": answer = Self.shown(try self.tree.range(Self.range(request)))
    case "KV/Put":
      let previous = try self.tree.put(Self.put(request))
      answer["prev_kv"] = previous.map(Self.shown)
    case "KV/DeleteRange":
      let (previous, count) = try self.tree.delete(Self.delete(request))
      answer["deleted"] = Self.number(Int64(count))
      if !previous.isEmpty { answer["prev_kvs"] = .list(previous.map(Self.shown)) }
    case "KV/Txn": answer = Self.shown(try self.tree.txn(Self.txn(request)))
    case "KV/Compact":
      try self.tree.compact(request["revision"]?.whole ?? 0)
      while !self.tree.removeCompacted(most: 2) {}
    case "Lease/LeaseGrant":
      var id = request["ID"]?.whole ?? 0
      if id == 0 {
        self.lastID += 1
        id = self.lastID
      }
      let ttl = try self.tree.grant(
        id: id, ttl: request["TTL"]?.whole ?? 0, shortest: 2, now: self.now)
      answer = ["ID": .number(id), "TTL": .number(ttl)]
    case "Lease/LeaseRevoke": try self.tree.revoke(request["ID"]?.whole ?? 0)
    case "Lease/LeaseKeepAlive":
      let id = request["ID"]?.whole ?? 0
      answer = ["ID": .number(id)]
      answer["TTL"] = self.tree.keepAlive(id, now: self.now).flatMap(Self.number)
    case "Lease/LeaseTimeToLive":
      let id = request["ID"]?.whole ?? 0
      guard let lease = self.tree.lease(id, now: self.now) else {
        answer = ["ID": .number(id), "TTL": .number(-1)]
        break
      }
      answer = [
        "ID": .number(id), "TTL": .number(lease.remaining), "grantedTTL": .number(lease.ttl),
      ]
      if request["keys"]?.flag == true, !lease.keys.isEmpty {
        answer["keys"] = .list(lease.keys.map { .bytes($0.bytes) })
      }
    case "Lease/LeaseLeases":
      answer["leases"] = .list(self.tree.leaseIDs.map { .message(["ID": .number($0)]) })
    default: break
    }
    answer["header"] = .message(["revision": .number(self.tree.revision)])
    return .message(answer)
  }

  private static func key(_ request: WireJSON, _ name: String) -> RevisionKey {
    RevisionKey(request[name]?.bytes ?? [])
  }

  private static func keys(_ request: WireJSON) -> KeyRange {
    KeyRange(Self.key(request, "key"), end: Self.key(request, "range_end"))
  }

  private static func range(_ request: WireJSON) -> RangeRequest {
    var range = RangeRequest(Self.keys(request))
    func number(_ name: String) -> Int64 { request[name]?.whole ?? 0 }
    range.limit = number("limit")
    range.revision = number("revision")
    range.keysOnly = request["keys_only"]?.flag == true
    range.countOnly = request["count_only"]?.flag == true
    range.createRevisions = .init(
      least: number("min_create_revision"), most: number("max_create_revision"))
    range.modRevisions = .init(
      least: number("min_mod_revision"), most: number("max_mod_revision"))
    range.order =
      switch request["sort_order"]?.string {
      case "ASCEND": .ascending
      case "DESCEND": .descending
      default: .none
      }
    range.target =
      switch request["sort_target"]?.string {
      case "VERSION": .version
      case "CREATE": .create
      case "MOD": .mod
      case "VALUE": .value
      default: .key
      }
    return range
  }

  private static func put(_ request: WireJSON) -> PutRequest {
    var put = PutRequest(Self.key(request, "key"), value: request["value"]?.bytes ?? [])
    put.lease = request["lease"]?.whole ?? 0
    put.wantsPrevious = request["prev_kv"]?.flag == true
    put.ignoresValue = request["ignore_value"]?.flag == true
    put.ignoresLease = request["ignore_lease"]?.flag == true
    return put
  }

  private static func delete(_ request: WireJSON) -> DeleteRequest {
    var delete = DeleteRequest(Self.keys(request))
    delete.wantsPrevious = request["prev_kv"]?.flag == true
    return delete
  }

  private static func txn(_ request: WireJSON) -> TxnRequest {
    var txn = TxnRequest()
    txn.comparisons = (request["compare"]?.items ?? []).map(Self.comparison)
    txn.success = (request["success"]?.items ?? []).map(Self.operation)
    txn.failure = (request["failure"]?.items ?? []).map(Self.operation)
    return txn
  }

  private static func comparison(_ request: WireJSON) -> TxnCompare {
    var comparison = TxnCompare(Self.keys(request))
    comparison.relation =
      switch (request["result"]?.string, request["result"]?.whole) {
      case ("EQUAL", _), (nil, nil): .equal
      case ("GREATER", _): .greater
      case ("LESS", _): .less
      case ("NOT_EQUAL", _): .notEqual
      default: .unknown
      }
    comparison.target =
      switch request["target"]?.string {
      case "CREATE": .create(request["create_revision"]?.whole ?? 0)
      case "MOD": .mod(request["mod_revision"]?.whole ?? 0)
      case "VALUE": .value(request["value"]?.bytes ?? [])
      case "LEASE": .lease(request["lease"]?.whole ?? 0)
      default: .version(request["version"]?.whole ?? 0)
      }
    return comparison
  }

  private static func operation(_ request: WireJSON) -> TxnRequest.Operation {
    if let range = request["request_range"] { return .range(Self.range(range)) }
    if let put = request["request_put"] { return .put(Self.put(put)) }
    if let delete = request["request_delete_range"] { return .delete(Self.delete(delete)) }
    if let txn = request["request_txn"] { return .txn(Self.txn(txn)) }
    return .empty
  }

  // MARK: Answers

  /// What is zero is left out.
  private static func number(_ number: Int64) -> Shown? { number == 0 ? nil : .number(number) }

  private static func shown(_ pair: KeyValue) -> Shown {
    var members: [String: Shown] = ["key": .bytes(pair.key.bytes)]
    members["value"] = pair.value.isEmpty ? nil : .bytes(pair.value)
    members["create_revision"] = Self.number(pair.createRevision)
    members["mod_revision"] = Self.number(pair.modRevision)
    members["version"] = Self.number(pair.version)
    members["lease"] = Self.number(pair.lease)
    return .message(members)
  }

  private static func shown(_ answer: RangeAnswer) -> [String: Shown] {
    var members: [String: Shown] = [:]
    if !answer.pairs.isEmpty { members["kvs"] = .list(answer.pairs.map(Self.shown)) }
    members["count"] = Self.number(answer.count)
    members["more"] = answer.hasMore ? .flag : nil
    return members
  }

  private static func shown(_ answer: TxnAnswer) -> [String: Shown] {
    var members: [String: Shown] = [:]
    members["succeeded"] = answer.hasSucceeded ? .flag : nil
    func header(_ revision: Int64) -> Shown { .message(["revision": .number(revision)]) }
    let parts = answer.parts.map { part -> Shown in
      var (name, members): (String, [String: Shown]) = ("", [:])
      switch part {
      case .range(let range, let revision):
        (name, members) = ("response_range", Self.shown(range))
        members["header"] = header(revision)
      case .put(let previous, let revision):
        (name, members) = ("response_put", ["header": header(revision)])
        members["prev_kv"] = previous.map(Self.shown)
      case .delete(let count, let previous, let revision):
        (name, members) = ("response_delete_range", ["header": header(revision)])
        members["deleted"] = Self.number(count)
        if !previous.isEmpty { members["prev_kvs"] = .list(previous.map(Self.shown)) }
      case .txn(let inner):
        (name, members) = ("response_txn", Self.shown(inner))
        members["header"] = .message([:])
      }
      return .message([name: .message(members)])
    }
    if !parts.isEmpty { members["responses"] = .list(parts) }
    return members
  }

  // MARK: Placeholders and matchers

  private func expanded(_ value: WireJSON, _ number: Int) -> WireJSON {
    switch value {
    case .text(let text): .text(self.expanded(text, number))
    case .array(let items):
      .array(
        items.flatMap { item -> [WireJSON] in
          guard let times = item["$times"]?.int, let part = item["of"] else {
            return [self.expanded(item, number)]
          }
          return (0..<times).map { self.expanded(part, $0) }
        })
    case .object(let members): .object(members.mapValues { self.expanded($0, number) })
    default: value
    }
  }

  private func expanded(_ text: String, _ number: Int) -> String {
    text.replacing(/\{([a-z_]+)([:+]([A-Za-z0-9_]+))?\}/) { match in
      let word = match.3.map(String.init) ?? ""
      let count = Int64(word) ?? 0
      switch match.1 {
      case "root": return "~cf/"
      case "root_end": return "~cf0"
      case "n": return "\(number)"
      case "rev", "now": return "\(self.start + count)"
      case "id": return "\(700_000 + count)"
      case "hexid": return String(700_000 + count, radix: 16)
      case "v":
        if case .number(let value)? = self.kept[word] { return "\(value)" }
        return String(match.0)
      default: return String(match.0)
      }
    }
  }

  private mutating func difference(
    _ expected: WireJSON, _ found: Shown?, _ place: String
  ) -> String? {
    let problem = "\(place): \(found.map { "\($0)" } ?? "nothing"), not \(expected)"
    switch expected {
    case .object(let members) where members["$extra"] != nil || members["$any"] != nil: return nil
    case .object(let members) where members.keys.contains { $0.hasPrefix("$") }:
      return self.matches(members, found) ? nil : problem
    case .object(let members):
      guard case .message(let shown)? = found, Set(shown.keys) == Set(members.keys) else {
        return problem
      }
      for (name, value) in members {
        if let problem = self.difference(value, shown[name], "\(place).\(name)") { return problem }
      }
      return nil
    case .array(let items):
      guard case .list(let shown)? = found, shown.count == items.count else { return problem }
      for (index, (item, value)) in zip(items, shown).enumerated() {
        if let problem = self.difference(item, value, "\(place)[\(index)]") { return problem }
      }
      return nil
    case .text(let text):
      return found == .bytes(Array(text.utf8)) || found == Int64(text).map(Shown.number)
        ? nil : problem
    case .integer(let number): return found == .number(number) ? nil : problem
    case .bool(true): return found == .flag ? nil : problem
    case .bool(false), .null, .real: return problem
    }
  }

  private mutating func matches(_ matcher: [String: WireJSON], _ found: Shown?) -> Bool {
    if let bytes = WireJSON.object(matcher).specialBytes { return found == .bytes(bytes) }
    if let count = matcher["$header"]?.whole {
      return found == .message(["revision": .number(self.start + count)])
    }
    if let count = matcher["$rev"]?.whole ?? matcher["$now"]?.whole {
      return found == .number(self.start + count)
    }
    if let name = matcher["$as"]?.string { self.kept[name] = found }
    if let name = matcher["$same"]?.string { return found == self.kept[name] }
    if let bounds = matcher["$between"]?.items.compactMap(\.whole),
      case .number(let number)? = found
    {
      return number >= bounds[0] && number <= bounds[1]
    }
    if let items = matcher["$set"]?.items ?? matcher["$contains"]?.items,
      case .list(let all)? = found
    {
      let isWhole = matcher["$contains"] != nil || all.count == items.count
      return isWhole
        && items.allSatisfy { item in
          all.contains { self.difference(item, $0, "") == nil }
        }
    }
    return false
  }
}

extension RPCStatus.Code {
  fileprivate var name: String {
    switch self {
    case .invalidArgument: "INVALID_ARGUMENT"
    case .notFound: "NOT_FOUND"
    case .failedPrecondition: "FAILED_PRECONDITION"
    case .outOfRange: "OUT_OF_RANGE"
    default: "\(self)"
    }
  }
}

extension WireJSON {
  fileprivate var string: String? { if case .text(let text) = self { text } else { nil } }
  fileprivate var items: [WireJSON] { if case .array(let items) = self { items } else { [] } }
  fileprivate var flag: Bool? { if case .bool(let flag) = self { flag } else { nil } }
  fileprivate var int: Int? { self.whole.map(Int.init) }

  fileprivate var whole: Int64? {
    switch self {
    case .integer(let number): number
    case .text(let text): Int64(text)
    default: nil
    }
  }

  fileprivate var bytes: [UInt8]? { self.string.map { Array($0.utf8) } ?? self.specialBytes }

  /// Of `$hex` and `$repeat`.
  fileprivate var specialBytes: [UInt8]? {
    if let hex = self["$hex"]?.string {
      return stride(from: 0, to: hex.count, by: 2).compactMap {
        UInt8(hex.dropFirst($0).prefix(2), radix: 16)
      }
    }
    guard let parts = self["$repeat"]?.items, parts.count == 2, let text = parts[0].string,
      let count = parts[1].int
    else { return nil }
    return (0..<count).flatMap { _ in Array(text.utf8) }
  }
}
