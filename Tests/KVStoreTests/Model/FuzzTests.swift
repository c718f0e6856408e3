import Foundation
import SeededRandom
import TestSupport
import Testing

@testable import KVStore

/// Whatever comes over the wire is taken or refused, and whatever is asked of the tree leaves it whole.
///
/// `ZWEIMASTER_FUZZ_COUNT` says how many inputs each test makes; a failure names its seed, and
/// `ZWEIMASTER_FUZZ_SEED` plays that one.
@Suite(.timeLimit(.minutes(60))) struct FuzzTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let count =
    Self.environment["ZWEIMASTER_FUZZ_COUNT"].flatMap { Int($0) } ?? 20_000
  private static let seed =
    Self.environment["ZWEIMASTER_FUZZ_SEED"].flatMap { UInt64($0) }
    ?? UInt64.random(in: 1...1_000_000_000)
  private static let now = StoreTime(nanoseconds: 1_700_000_000_000_000_000)

  @Test func anyRequestIsTakenOrRefused() async throws {
    let (seed, count) = (Self.seed, Self.count)
    print("fuzz: ZWEIMASTER_FUZZ_SEED=\(seed)")
    let problem = try await onThreadOfItsOwn { RequestFuzzer(seed: seed, now: Self.now).run(count) }
    #expect(problem == nil, "ZWEIMASTER_FUZZ_SEED=\(seed)")
  }

  @Test func anyCommandLeavesTheTreeWhole() async throws {
    let (seed, count) = (Self.seed, Self.count)
    let problem = try await onThreadOfItsOwn { TreeFuzzer(seed: seed, now: Self.now).run(count) }
    #expect(problem == nil, "ZWEIMASTER_FUZZ_SEED=\(seed)")
  }
}

/// Throws bytes at all that reads a request.
private final class RequestFuzzer {
  private var random: SeededGenerator
  private let now: StoreTime

  init(seed: UInt64, now: StoreTime) {
    self.random = SeededGenerator(seed: seed)
    self.now = now
  }

  private static let targetPieces = [
    "/v2/keys", "/v2/keys/", "/", "//", "/.", "/..", "/../", "%2F", "%2f", "%2E%2e", "%", "%4",
    "%zz",
    "%00", "%FF", "%C3%A9", "\u{E9}", "+", "a", "_h", "?", "#", "&", "=", ";", "http://h", "://",
    "*",
    "?wait=true", "?recursive=true&", "\u{0}", " ", "/v2/members", "/version",
  ].map { Array($0.utf8) }
  private static let formPieces = [
    "prevIndex", "waitIndex", "recursive", "sorted", "wait", "dir", "quorum", "stream", "prevValue",
    "noValueOnSuccess", "ttl", "prevExist", "refresh", "value", "=", "=", "=", "&", "&", ";",
    "true",
    "false", "1", "0", "-1", "18446744073709551615", "18446744073709551616", "9223372036", "%",
    "%2",
    "%3D", "%26", "%FF", "+", "", "\u{E9}", "x",
  ].map { Array($0.utf8) }
  private static let typePieces = [
    "application/x-www-form-urlencoded", "text/plain", ";", "; ", "charset=utf-8", "=", " ", "\"",
    ",",
    "/", "\u{E9}", "multipart/form-data", "boundary=x", "APPLICATION/X-WWW-FORM-URLENCODED", "\t",
  ].map { Array($0.utf8) }
  /// All that is refused for the request's own sake.
  private static let codes: Set<StoreError.Code> = [
    .previousValueRequired, .ttlNotANumber, .indexNotANumber, .invalidField, .invalidForm,
    .valueOnRefresh, .ttlRequiredOnRefresh,
  ]

  private func bytes(_ pieces: [[UInt8]]) -> [UInt8] {
    var bytes: [UInt8] = []
    for _ in 0..<Int.random(in: 0..<8, using: &self.random) {
      if Int.random(in: 0..<8, using: &self.random) == 0 {
        bytes.append(UInt8.random(in: .min ... .max, using: &self.random))
      } else {
        bytes += pieces[Int.random(in: 0..<pieces.count, using: &self.random)]
      }
    }
    return bytes
  }

  /// - Returns: the first input that was not dealt with as it should be.
  func run(_ count: Int) -> String? {
    for _ in 0..<count {
      let target = self.bytes(Self.targetPieces)
      if let problem = self.check(target: target) { return "\(problem): \(target)" }
      let form = self.bytes(Self.formPieces)
      if let problem = self.check(form: form) { return "\(problem): \(form)" }
    }
    return nil
  }

  private func check(target bytes: [UInt8]) -> String? {
    guard let target = RequestTarget(bytes) else { return nil }
    if let location = target.redirection {
      // It leads to a clean path at once, with the same query; else a client would go in a circle.
      guard let next = RequestTarget(Array(location.utf8)) else {
        return "no redirection \(location)"
      }
      if next.redirection != nil { return "a redirection to a redirection, \(location)" }
      if next.query != target.query.map({ Array(PercentEncoding.asciiOnly($0).utf8) }) {
        return "another query after the redirection"
      }
    }
    let encoded = PercentEncoding.encodedPath(target.path)
    if (try? PercentEncoding.decode(Array(encoded.utf8)[...])) != target.path {
      return "encoded and decoded it is another path"
    }
    let path = StorePath(target.path)
    let rebuilt = path.names.reduce(StorePath.root) { $0.appending($1) }
    if rebuilt != path || path.names.contains(where: { $0.bytes.isEmpty }) {
      return "no clean path"
    }
    if path.lineage.last != path
      || path.lineage.count != max(1, path.names.count) + (path.isRoot ? 0 : 1)
    {
      return "a lineage of \(path.lineage.count)"
    }
    return nil
  }

  private func check(form bytes: [UInt8]) -> String? {
    let cut = Int.random(in: 0...bytes.count, using: &self.random)
    let contentType = String(decoding: self.bytes(Self.typePieces), as: UTF8.self)
    let type = MediaType(contentType)
    if type.name != type.name.lowercased() { return "a type that is not in lower case" }
    let methods: [KeysRequest.Method] = [.get, .head, .put, .post, .delete]
    let method = methods[Int.random(in: 0..<5, using: &self.random)]
    let path = StorePath("/k")
    do throws(StoreError) {
      let form = try Form(
        query: Array(bytes[cut...]), body: Array(bytes[..<cut]),
        contentType: Bool.random(using: &self.random)
          ? contentType : "application/x-www-form-urlencoded")
      let request = try KeysRequest(method, path: path, form: form, now: self.now)
      switch (method, request) {
      case (.get, .get(path, _, _)), (.get, .watch(path, _, _, _)), (.head, .get(path, _, _)),
        (.put, .change(.set(path, _), _)), (.put, .change(.create(path, _), _)),
        (.put, .change(.update(path, _), _)), (.put, .change(.compareAndSwap(path, _, _), _)),
        (.post, .change(.createInOrder(path, _), _)),
        (.delete, .change(.delete(path, _, _), false)),
        (.delete, .change(.compareAndDelete(path, _), false)):
        return nil
      default: return "\(method) became \(request)"
      }
    } catch {
      return Self.codes.contains(error.code) && error.index == 0 && !error.cause.isEmpty
        ? nil : "refused with \(error)"
    }
  }
}

/// Throws commands at a tree, and keeps two more beside it: one from the rows alone and one from the events
/// alone, as a start after a clean end and one after a crash make them.
private final class TreeFuzzer {
  private var random: SeededGenerator
  private var now: StoreTime
  private var tree = KeyTree()
  private var redone = KeyTree()
  private var rows: [StorePath: Row] = [:]
  private var snapshot = (tree: KeyTree(), rows: [StorePath: Row]())

  private struct Row: Equatable {
    var value: [UInt8]?
    var created: UInt64
    var modified: UInt64
    var deadline: StoreTime?

    init(_ node: TreeNode) {
      self.value = node.isDirectory ? nil : node.value
      (self.created, self.modified) = (node.createdIndex, node.modifiedIndex)
      self.deadline = node.deadline
    }
  }

  init(seed: UInt64, now: StoreTime) {
    self.random = SeededGenerator(seed: seed)
    self.now = now
  }

  /// - Returns: the first thing that does not hold.
  func run(_ count: Int) -> String? {
    for step in 0..<count {
      let command = self.command()
      if let problem = self.apply(command) { return "step \(step), \(command): \(problem)" }
      // A look at everything costs more than a command.
      if step % 512 == 511, let problem = self.checkAll() ?? self.clearIfLarge() {
        return "step \(step): \(problem)"
      }
    }
    return self.checkAll()
  }

  /// Names in order are never used again, so that without this every look would take longer than the
  /// one before.
  private func clearIfLarge() -> String? {
    guard self.rows.count > 2_000 else { return nil }
    for path in self.rows.keys.filter({ $0.depth == 1 }) {
      let command = Command.delete(path, isDirectory: true, isRecursive: true)
      if let problem = self.apply(command) { return "\(command): \(problem)" }
    }
    return self.checkAll()
  }

  private func apply(_ command: Command) -> String? {
    self.now = StoreTime(nanoseconds: self.now.nanoseconds + 1)
    let before = (index: self.tree.index, tally: self.tree.tally)
    do throws(StoreError) {
      guard let change = try self.tree.apply(command, now: self.now) else {
        guard case .expire = command else { return "no change and no refusal" }
        return self.tree.index == before.index ? nil : "nothing was done, and an index used"
      }
      let path = change.event.node.path
      if let removed = change.removed {
        var paths = [path]
        removed.forEach(below: path) { below, _ in paths.append(below) }
        for path in paths where self.rows.removeValue(forKey: path) == nil {
          return "\(path) was removed and not there"
        }
      }
      for written in change.madeDirectories + (change.removed == nil ? [path] : []) {
        self.rows[written] = Row(try self.tree.node(at: written))
      }
      guard self.tree.index == before.index + 1, change.event.index == self.tree.index else {
        return "from index \(before.index) to \(self.tree.index), event \(change.event.index)"
      }
      guard let again = self.redone.redo(LoggedChange(change.event), now: self.now),
        again == change
      else {
        return "\(change) cannot be done again"
      }
      switch (change.event.action, self.rows[path]) {
      case (.delete, nil), (.expire, nil), (.compareAndDelete, nil): return nil
      case (.get, _), (.delete, _), (.expire, _), (.compareAndDelete, _), (_, nil):
        return "\(change.event.action) left \(String(describing: self.rows[path]))"
      case (_, let row?):
        return row.value == change.event.node.value ? nil : "the event tells another value"
      }
    } catch {
      guard self.tree.index == before.index, self.tree.tally == before.tally else {
        return "refused, and changed"
      }
      return error.index == before.index ? nil : "refused with index \(error.index)"
    }
  }

  private func checkAll() -> String? {
    if Self.rows(of: self.tree) != self.rows { return "the rows are not the tree" }
    if Self.rows(of: self.redone) != self.rows { return "the events do not tell of the same tree" }
    let expiring = self.rows.values.filter { $0.deadline != nil }.count
    let tally = TreeNode.Tally(nodes: Int32(self.rows.count), expiring: Int32(expiring))
    if self.tree.tally != tally { return "the tree counts \(self.tree.tally), not \(tally)" }
    // As after a restart: parents come before what is in them.
    var restored = KeyTree(index: self.tree.index)
    for (path, row) in self.rows.sorted(by: { $0.key.bytes.count < $1.key.bytes.count }) {
      let node = TreeNode(
        content: row.value.map(TreeNode.Content.value) ?? TreeNode.emptyDirectory,
        createdIndex: row.created,
        modifiedIndex: row.modified, deadline: row.deadline)
      if !restored.restore(node, at: path) { return "\(path) is in no directory" }
    }
    if Self.rows(of: restored) != self.rows || restored.tally != tally {
      return "restored it is another tree"
    }
    if Self.rows(of: self.snapshot.tree) != self.snapshot.rows { return "a snapshot has changed" }
    self.snapshot = (self.tree, self.rows)
    return nil
  }

  private static func rows(of tree: KeyTree) -> [StorePath: Row] {
    var rows: [StorePath: Row] = [:]
    tree.forEach { rows[$0] = Row($1) }
    return rows
  }

  // MARK: Chance

  private static let names =
    ["a", "b", "c", "_h", "\u{E9}", "e\u{301}", ".", ".."]
    .map { KeyName($0.utf8) } + [KeyName([0xFF]), KeyName([0])]

  private func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &self.random) }

  private func path() -> StorePath {
    (0..<[0, 1, 2, 2, 2, 3, 3, 4][self.pick(8)])
      .reduce(StorePath.root) { path, _ in path.appending(Self.names[self.pick(Self.names.count)]) }
  }

  private func node() -> Command.NewNode {
    let deadlines = [
      nil, nil, self.now.advanced(bySeconds: UInt64(self.pick(9))), StoreTime(nanoseconds: -1),
    ]
    return Command.NewNode(
      value: [[], [0x31], [0x32], [0xFF, 0]][self.pick(4)], isDirectory: self.pick(5) == 0,
      deadline: deadlines[self.pick(4)], isRefresh: self.pick(8) == 0)
  }

  private func command() -> Command {
    let path = self.path()
    let condition = Command.Condition(
      value: self.pick(2) == 0 ? [0x31] : nil,
      index: self.pick(2) == 0 ? (try? self.tree.node(at: path))?.modifiedIndex ?? 7 : nil)
    switch self.pick(16) {
    case 0...4: return .set(path, self.node())
    case 5, 6: return .create(path, self.node())
    case 7: return .createInOrder(path, self.node())
    case 8, 9: return .update(path, self.node())
    case 10, 11: return .compareAndSwap(path, condition, self.node())
    case 12: return .compareAndDelete(path, condition)
    case 13, 14:
      return .delete(path, isDirectory: self.pick(2) == 0, isRecursive: self.pick(2) == 0)
    default:
      return .expire(path, deadline: (try? self.tree.node(at: path))?.deadline ?? self.now)
    }
  }
}
