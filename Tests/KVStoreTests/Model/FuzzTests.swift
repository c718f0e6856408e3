import Foundation
import SeededRandom
import TestSupport
import Testing

@testable import KVStore

/// Whatever comes over the wire is taken or refused, and whatever is asked of the tree leaves it whole.
///
/// `Corpus/` has the inputs that every run plays first; see ``Fuzzer``.
@Suite(.takesTurns, .timeLimit(.minutes(60))) struct FuzzTests {
  private static let now = StoreTime(nanoseconds: 1_700_000_000_000_000_000)

  private static func corpus(_ name: String) -> URL {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus/\(name)")
  }

  @Test func anyRequestIsTakenOrRefused() async throws {
    try await onThreadOfItsOwn {
      try Fuzzer(corpus: Self.corpus("targets")) { RequestFuzzer.play(target: $0) }
        .run { RequestFuzzer.target(&$0) }
      try Fuzzer(corpus: Self.corpus("forms")) { RequestFuzzer.play(form: $0, now: Self.now) }
        .run { RequestFuzzer.form(&$0) }
    }
  }

  @Test func anyCommandLeavesTheTreeWhole() async throws {
    try await onThreadOfItsOwn {
      let length = min(Fuzzer.count, 4_096)
      try Fuzzer(corpus: Self.corpus("commands")) { TreeFuzzer(now: Self.now).play($0) }
        .run(count: Fuzzer.count / length) { TreeFuzzer.commands(length, &$0) }
    }
  }

  @Test func anInputThatFailsIsMadeSmallAndKept() async throws {
    try await TemporaryFiles.with { files in
      let corpus = URL(filePath: files.path(""))
      let fuzzer = Fuzzer(corpus: corpus, collects: false) { input in
        Fuzzer.Outcome(problem: input.contains(7) && input.contains(9) ? "seven and nine" : nil)
      }
      for message in [", kept as ", corpus.path] {
        let failure = #expect(throws: TestFailure.self) {
          try fuzzer.run(count: 1_000, seed: 1) { random in
            (0..<64).map { _ in UInt8.random(in: 0..<32, using: &random) }
          }
        }
        #expect(failure.map { "\($0)".contains(message) } == true)
        #expect(failure.map { "\($0)".contains("seven and nine") } == true)
      }
      let kept = try FileManager.default.contentsOfDirectory(
        at: corpus, includingPropertiesForKeys: nil)
      #expect(kept.count == 1, "the second run fails at the kept one")
      #expect(try Data(contentsOf: try #require(kept.first)).sorted() == [7, 9])
    }
  }
}

/// Throws bytes at all that reads a request.
private enum RequestFuzzer {
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

  private static func bytes(_ pieces: [[UInt8]], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes: [UInt8] = []
    for _ in 0..<Int.random(in: 0..<8, using: &random) {
      if Int.random(in: 0..<8, using: &random) == 0 {
        bytes.append(UInt8.random(in: .min ... .max, using: &random))
      } else {
        bytes += pieces[Int.random(in: 0..<pieces.count, using: &random)]
      }
    }
    return bytes
  }

  static func target(_ random: inout SeededGenerator) -> [UInt8] {
    self.bytes(self.targetPieces, &random)
  }

  /// Four lines: the method, the type, the query, the body; the type is a form's in every other one.
  static func form(_ random: inout SeededGenerator) -> [UInt8] {
    let method = self.methods[Int.random(in: 0..<self.methods.count, using: &random)]
    let type =
      Bool.random(using: &random) ? self.bytes(self.typePieces, &random) : self.typePieces[0]
    let lines = [
      Array("\(method)".utf8), type, self.bytes(self.formPieces, &random),
      self.bytes(self.formPieces, &random),
    ]
    return Array(lines.joined(separator: [0x0A]))
  }

  private static let methods: [KeysRequest.Method] = [.get, .head, .put, .post, .delete]

  static func play(target bytes: [UInt8]) -> Fuzzer.Outcome {
    guard let target = RequestTarget(bytes) else { return .init(reached: ["refused"]) }
    let path = StorePath(target.path)
    return Fuzzer.Outcome(
      problem: self.problem(target, path),
      reached: [
        "\(target.redirection == nil ? "clean" : "redirected")-\(min(path.names.count, 3))-names"
          + (target.query == nil ? "" : "-query")
      ])
  }

  private static func problem(_ target: RequestTarget, _ path: StorePath) -> String? {
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

  static func play(form bytes: [UInt8], now: StoreTime) -> Fuzzer.Outcome {
    let lines = bytes.split(separator: 0x0A, maxSplits: 3, omittingEmptySubsequences: false)
      .map(Array.init)
    func line(_ index: Int) -> [UInt8] { lines.indices.contains(index) ? lines[index] : [] }
    let name = String(decoding: line(0), as: UTF8.self)
    let method = self.methods.first { "\($0)" == name } ?? .get
    let contentType = String(decoding: line(1), as: UTF8.self)
    let type = MediaType(contentType)
    if type.name != type.name.lowercased() {
      return .init(problem: "a type that is not in lower case")
    }
    let path = StorePath("/k")
    do throws(StoreError) {
      let form = try Form(query: line(2), body: line(3), contentType: contentType)
      let request = try KeysRequest(method, path: path, form: form, now: now)
      let reached = "\(request)".prefix { $0.isLetter || "(.".contains($0) }
      switch (method, request) {
      case (.get, .get(path, _, _)), (.get, .watch(path, _, _, _)), (.head, .get(path, _, _)),
        (.put, .change(.set(path, _), _)), (.put, .change(.create(path, _), _)),
        (.put, .change(.update(path, _), _)), (.put, .change(.compareAndSwap(path, _, _), _)),
        (.post, .change(.createInOrder(path, _), _)),
        (.delete, .change(.delete(path, _, _), false)),
        (.delete, .change(.compareAndDelete(path, _), false)):
        return .init(reached: ["\(method)-\(reached)"])
      default: return .init(problem: "\(method) became \(request)")
      }
    } catch {
      guard Self.codes.contains(error.code), error.index == 0, !error.cause.isEmpty else {
        return .init(problem: "refused with \(error)")
      }
      return .init(reached: ["\(method)-refused-\(error.code)"])
    }
  }
}

/// Sends commands to a tree, and keeps two more beside it: one from the rows alone and one from the events
/// alone, as a start after a clean end and one after a crash make them.
private final class TreeFuzzer {
  /// The rest of the command's digits.
  private var choices: ArraySlice<UInt8> = []
  private var reached: Set<String> = []
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

  init(now: StoreTime) { self.now = now }

  /// - Parameter input: commands as lines of digits, see `command`.
  func play(_ input: [UInt8]) -> Fuzzer.Outcome {
    for (step, line) in input.split(separator: 0x0A).enumerated() {
      self.choices = line
      let command = self.command()
      if let problem = self.apply(command) {
        return .init(problem: "step \(step), \(command): \(problem)")
      }
      // A look at everything costs more than a command.
      if step % 512 == 511, let problem = self.checkAll() {
        return .init(problem: "step \(step): \(problem)")
      }
    }
    return .init(problem: self.checkAll(), reached: self.reached)
  }

  private func apply(_ command: Command) -> String? {
    self.now = StoreTime(nanoseconds: self.now.nanoseconds + 1)
    let before = (index: self.tree.index, tally: self.tree.tally)
    do throws(StoreError) {
      guard let change = try self.tree.apply(command, now: self.now) else {
        guard case .expire = command else { return "no change and no refusal" }
        self.reached.insert("expire-nothing")
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
      self.reached.insert(
        "\(change.event.action)" + (change.event.node.isDirectory ? "-directory" : "")
          + (change.event.prevNode == nil ? "" : "-existing")
          + (change.event.isRefresh ? "-refresh" : "")
          + (change.removed.map { $0.below.nodes > 0 } == true ? "-many" : ""))
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
      self.reached.insert("\("\(command)".prefix(while: \.isLetter))-refused-\(error.code)")
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

  /// That many random commands, a line each.
  static func commands(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    return (0..<count).flatMap { _ in
      let word = random.next()
      return (0..<16).map { digits[Int(word >> (4 * $0) & 15)] } + [0x0A]
    }
  }

  /// The next choice: a hexadecimal digit; after the last one it is 0.
  private func pick(_ count: Int) -> Int {
    (self.choices.popFirst().flatMap { Character(UnicodeScalar($0)).hexDigitValue } ?? 0) % count
  }

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
