import Foundation
import Testing

/// One recorded conversation with a real etcd: what is sent, and what has to come back.
///
/// The format is described in `Cases/README.md`.
struct Scenario: Sendable, CustomTestStringConvertible {
  /// The file and the name in it.
  let id: String
  let why: String
  let tags: Set<String>
  let steps: [WireJSON]
  /// Paths to be deleted at the end besides the scenario's root.
  let cleanup: [String]

  var testDescription: String { self.id }
  /// Whether it needs the server for itself.
  var isExclusive: Bool { self.tags.contains("exclusive") }

  static let all: [Scenario] = {
    do {
      return try Self.load()
    } catch {
      fatalError("the conformance cases cannot be read: \(error)")
    }
  }()

  private static func load() throws -> [Scenario] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Cases")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    return try files.filter { $0.hasSuffix(".json") }.sorted().flatMap { file in
      let json = try WireJSON(Data(contentsOf: folder.appending(path: file)))
      return (json.array ?? []).map { Scenario($0, file: String(file.dropLast(5))) }
    }
  }

  private init(_ json: WireJSON, file: String) {
    func texts(_ name: String) -> [String] { json[name]?.array?.compactMap(\.text) ?? [] }
    self.id = file + "/" + (json["name"]?.text ?? "")
    self.why = json["why"]?.text ?? ""
    self.tags = Set(texts("tags"))
    self.steps = json["steps"]?.array ?? []
    self.cleanup = texts("cleanup")
  }
}

/// The state of a running scenario: its root, its indices, its variables.
///
/// Index N is the index of the Nth change that the scenario caused. Where it has the server for itself
/// that is exactly `start + N`. Where others write meanwhile, N is bound to the first value that it is
/// matched with; from then on it has to be that value, above all that are bound to less and below all
/// that are bound to more.
struct ScenarioState {
  let root: String
  let start: Int64
  let isStrict: Bool
  private var bound: [Int64: Int64] = [:]
  var variables: [String: WireJSON] = [:]
  /// Which repetition of a step this is.
  var repetition = 0

  struct Unknown: Error {
    let placeholder: String
  }

  /// How far times may be off that pass between two programs on a busy machine.
  static let slackSeconds = 2.0

  init(root: String, start: Int64, isStrict: Bool) {
    self.root = root
    self.start = start
    self.isStrict = isStrict
  }

  // MARK: Indices

  private func index(_ n: Int64) -> Int64? {
    self.isStrict || n <= 0 ? self.start + n : self.bound[n]
  }

  /// - Returns: what was expected instead.
  private mutating func mismatch(index n: Int64, _ got: Int64) -> String? {
    if let wanted = self.index(n) { return got == wanted ? nil : "\(wanted) (start+\(n))" }
    let low = self.bound.filter { $0.key < n }.map(\.value).reduce(self.start + n - 1, max)
    let high = self.bound.filter { $0.key > n }.map(\.value).min() ?? .max
    guard low < got, got < high else { return "change \(n) between \(low) and \(high)" }
    self.bound[n] = got
    return nil
  }

  private func mismatch(now n: Int64, _ got: Int64) -> String? {
    if self.isStrict { return got == self.start + n ? nil : "\(self.start + n) (start+\(n))" }
    let low = self.bound.filter { $0.key <= n }.map(\.value).reduce(self.start + n, max)
    return got >= low ? nil : "at least \(low)"
  }

  // MARK: Placeholders

  private enum Piece {
    case literal(Substring)
    case placeholder(Substring)
  }

  private static func pieces(_ template: String) -> [Piece] {
    guard template.utf8.contains(UInt8(ascii: "{")) else { return [.literal(template[...])] }
    let form = /\{(?:root|n|(?:i|now|seq)(?:[+-]\d+)?|v:\w+)\}/
    var pieces: [Piece] = []
    var position = template.startIndex
    for match in template.matches(of: form) {
      pieces.append(.literal(template[position..<match.range.lowerBound]))
      pieces.append(.placeholder(template[match.range].dropFirst().dropLast()))
      position = match.range.upperBound
    }
    return pieces + [.literal(template[position...])]
  }

  private static func split(_ placeholder: Substring) -> (kind: Substring, offset: Int64) {
    let kind = placeholder.prefix { $0.isLetter }
    return (kind, Int64(placeholder.dropFirst(kind.count)) ?? 0)
  }

  /// The text of a placeholder, or `nil` while its index is not known.
  private func text(_ placeholder: Substring) throws -> String? {
    if placeholder == "root" { return self.root }
    if placeholder == "n" { return "\(self.repetition)" }
    if placeholder.hasPrefix("v:") {
      switch self.variables[String(placeholder.dropFirst(2))] {
      case .text(let text): return text
      case let value?: return value.description
      case nil: throw Unknown(placeholder: String(placeholder))
      }
    }
    let (kind, offset) = Self.split(placeholder)
    let index =
      kind == "now" ? (self.isStrict ? self.start + offset : nil) : self.index(offset)
    return index.map { kind == "seq" ? Self.inOrder($0) : "\($0)" }
  }

  private static func inOrder(_ index: Int64) -> String {
    String(repeating: "0", count: 20 - "\(index)".count) + "\(index)"
  }

  /// A template with every placeholder replaced.
  func fill(_ template: String) throws -> String {
    try Self.pieces(template).map { piece in
      switch piece {
      case .literal(let text): return String(text)
      case .placeholder(let placeholder):
        guard let text = try self.text(placeholder) else {
          throw Unknown(placeholder: String(placeholder))
        }
        return text
      }
    }.joined()
  }

  /// - Returns: what was expected instead, `nil` when the text is what the template stands for.
  mutating func mismatch(template: String, _ got: String) throws -> String? {
    var rest = Array(got.utf8)[...]
    for piece in Self.pieces(template) {
      let known: String?
      switch piece {
      case .literal(let text): known = String(text)
      case .placeholder(let placeholder): known = try self.text(placeholder)
      }
      if let known {
        guard rest.starts(with: known.utf8) else { return template.debugDescription }
        rest = rest.dropFirst(known.utf8.count)
      } else if case .placeholder(let placeholder) = piece {
        let (kind, offset) = Self.split(placeholder)
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        guard let number = Int64(String(decoding: digits, as: UTF8.self)),
          kind != "seq" || digits.count == 20
        else { return template.debugDescription }
        let wanted =
          kind == "now"
          ? self.mismatch(now: offset, number) : self.mismatch(index: offset, number)
        if let wanted { return "\(template.debugDescription), where \(number) is \(wanted)" }
        rest = rest.dropFirst(digits.count)
      }
    }
    return rest.isEmpty ? nil : template.debugDescription
  }

  // MARK: Comparing

  /// - Returns: a line for each way in which `got` is not as expected.
  mutating func differences(
    _ expected: WireJSON, _ got: WireJSON, at place: String
  ) throws -> [String] {
    func wrong(_ wanted: String) -> [String] {
      ["\(place): expected \(wanted.prefix(400)), got \(got.description.prefix(400))"]
    }
    switch expected {
    case .object(let members) where members.keys.contains { $0.hasPrefix("$") && $0 != "$extra" }:
      let differences = try self.special(members, got, at: place, wrong: wrong)
      if differences.isEmpty, let name = members["$as"]?.text { self.variables[name] = got }
      return differences
    case .object(let members):
      guard let found = got.object else { return wrong("an object") }
      var differences: [String] = []
      for (name, member) in members.sorted(by: { $0.key < $1.key }) where name != "$extra" {
        if let value = found[name] {
          differences += try self.differences(
            member["$maybe"] ?? member, value, at: "\(place).\(name)")
        } else if member["$maybe"] == nil {
          differences.append("\(place).\(name): expected \(member), but it is missing")
        }
      }
      if members["$extra"] == nil {
        differences += found.keys.filter { members[$0] == nil }.sorted()
          .map { "\(place).\($0): not expected" }
      }
      return differences
    case .array(let items):
      guard let found = got.array else { return wrong("an array") }
      guard items.count == found.count else { return wrong("\(items.count) items") }
      return try zip(items, found).enumerated().flatMap { number, pair in
        try self.differences(pair.0, pair.1, at: "\(place)[\(number)]")
      }
    case .text(let template):
      guard let text = got.text else { return wrong(template.debugDescription) }
      return try self.mismatch(template: template, text).map(wrong) ?? []
    case .null, .bool, .integer, .real:
      return expected == got ? [] : wrong(expected.description)
    }
  }

  private mutating func special(
    _ matcher: [String: WireJSON], _ got: WireJSON, at place: String,
    wrong: (String) -> [String]
  ) throws -> [String] {
    func range(_ name: String) -> ClosedRange<Double>? {
      guard let bounds = matcher[name]?.array?.compactMap(\.number), bounds.count == 2 else {
        return nil
      }
      return bounds[0]...bounds[1]
    }
    if let n = matcher["$index"]?.integer ?? matcher["$now"]?.integer {
      // In a header it is text.
      guard let number = got.integer ?? got.text.flatMap({ Int64($0) }),
        got.integer != nil || place.hasPrefix("header")
      else { return wrong("an index") }
      let wanted =
        matcher["$index"] != nil
        ? self.mismatch(index: n, number) : self.mismatch(now: n, number)
      return wanted.map(wrong) ?? []
    } else if matcher["$rfc3339"] != nil {
      guard let time = got.text.flatMap(Self.secondsSince1970) else {
        return wrong("a time in UTC as Go prints it")
      }
      let delta = time - Date().timeIntervalSince1970
      guard let allowed = range("$in") else { return [] }
      return delta >= allowed.lowerBound - Self.slackSeconds && delta <= allowed.upperBound + 0.05
        ? [] : wrong("a time \(allowed) s from now (it is \(delta) s)")
    } else if let name = matcher["$same"]?.text {
      return self.variables[name] == got
        ? [] : wrong("as before: \(self.variables[name]?.description ?? "nothing")")
    } else if let allowed = range("$ttl_between") {
      return got.integer.map { allowed.contains(Double($0)) } == true ? [] : wrong("\(allowed)")
    } else if let delta = matcher["$delta"]?.array {
      let before = delta[0].text.flatMap { self.variables[$0]?.integer }
      let wanted = before.flatMap { before in delta[1].integer.map { before + $0 } }
      return wanted != nil && got.integer == wanted ? [] : wrong("\(wanted ?? -1)")
    } else if let pattern = matcher["$re"]?.text {
      let isMatch = try got.text.map { try Regex(pattern).firstMatch(in: $0) != nil } ?? false
      return isMatch ? [] : wrong("text like \(pattern)")
    } else if let type = matcher["$type"]?.text {
      let isOfType =
        switch type {
        case "int": got.integer != nil
        case "number": got.number != nil
        case "string": got.text != nil
        case "bool": got.bool != nil
        case "object": got.object != nil
        case "array": got.array != nil
        default: false
        }
      return isOfType ? [] : wrong("a value of type \(type)")
    } else if let repeated = Self.repeated(.object(matcher)) {
      return got == .text(repeated) ? [] : wrong("\(matcher)")
    } else if let items = matcher["$set"]?.array ?? matcher["$contains"]?.array {
      guard let found = got.array else { return wrong("an array") }
      if matcher["$set"] != nil, items.count != found.count {
        return wrong("\(items.count) items in any order")
      }
      return try self.unordered(items, found, at: place)
    } else if matcher["$any"] != nil {
      return []
    }
    return ["\(place): there is no matcher like \(matcher)"]
  }

  /// The text that `{"$repeat": [text, times]}` stands for.
  static func repeated(_ json: WireJSON) -> String? {
    guard let parts = json["$repeat"]?.array, parts.count == 2, let text = parts[0].text,
      let count = parts[1].integer
    else { return nil }
    return String(repeating: text, count: Int(count))
  }

  private mutating func unordered(
    _ wanted: [WireJSON], _ got: [WireJSON], at place: String
  ) throws -> [String] {
    var left = got
    var differences: [String] = []
    for item in wanted {
      let slot = try left.indices.first { slot in
        let before = self
        if try self.differences(item, left[slot], at: place).isEmpty { return true }
        self = before
        return false
      }
      if let slot {
        left.remove(at: slot)
      } else {
        differences.append("\(place): nothing there is like \(item); got \(left)")
      }
    }
    return differences
  }

  /// `nil` for what Go would not print: without a Z, or with zeros at the end of the fraction.
  static func secondsSince1970(_ text: String) -> Double? {
    let form = /(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{0,8}[1-9])?Z/
    guard let match = text.wholeMatch(of: form) else { return nil }
    var parts = tm()
    parts.tm_year = (Int32(match.1) ?? 0) - 1900
    parts.tm_mon = (Int32(match.2) ?? 0) - 1
    parts.tm_mday = Int32(match.3) ?? 0
    parts.tm_hour = Int32(match.4) ?? 0
    parts.tm_min = Int32(match.5) ?? 0
    parts.tm_sec = Int32(match.6) ?? 0
    return Double(timegm(&parts)) + (match.7.flatMap { Double("0\($0)") } ?? 0)
  }
}
