/// The v2 API as its documentation and etcd's behaviour have it, in the plainest way there is: one
/// dictionary from path to entry. It shares no code with the product and is as slow as it likes.
struct PlainModel {
  struct Entry: Equatable {
    /// `nil` for a directory.
    var value: String?
    var created: Int64
    var modified: Int64
    /// In units of 100,000 seconds, which no test outlives; `nil` for one that stays.
    var ttl: Int64?

    var isDirectory: Bool { self.value == nil }
  }

  struct Answer: Equatable {
    var status: Int
    /// As ``WireJSON`` has it, with `expires` for the two members that depend on the time.
    var body: WireJSON
    var index: Int64
  }

  /// A refusal: code, status, cause; the index is 0 for an invalid request.
  private struct Refusal: Error {
    let code: Int64
    let cause: String?
    var isOfRequest = false
  }

  private(set) var entries: [String: Entry] = [:]
  private(set) var index: Int64

  init(index: Int64) {
    self.index = index
  }

  /// - Parameter parameters: of body and query, the first of a name counts.
  mutating func answer(_ method: String, _ path: String, _ parameters: [(String, String)]) -> Answer
  {
    do {
      let (status, body) = try self.carryOut(method, path, Parameters(parameters, method))
      return Answer(status: status, body: body, index: self.index)
    } catch let refusal as Refusal {
      let index = refusal.isOfRequest ? 0 : self.index
      let (status, message) = Self.refusals[refusal.code] ?? (0, "")
      var body: [String: WireJSON] = [
        "errorCode": .integer(refusal.code), "message": .text(message), "index": .integer(index),
      ]
      if let cause = refusal.cause { body["cause"] = .text(cause) }
      return Answer(status: status, body: .object(body), index: index)
    } catch {
      fatalError("\(error)")
    }
  }

  static var errorCodes: Set<Int64> { Set(Self.refusals.keys) }

  private static let refusals: [Int64: (Int, String)] = [
    100: (404, "Key not found"), 101: (412, "Compare failed"), 102: (403, "Not a file"),
    104: (400, "Not a directory"), 105: (412, "Key already exists"),
    107: (400, "Root is read only"), 108: (403, "Directory not empty"),
    201: (400, "PrevValue is Required in POST form"),
    202: (400, "The given TTL in POST form is not a number"),
    203: (400, "The given index in POST form is not a number"), 209: (400, "Invalid field"),
    211: (400, "Value provided on refresh"), 212: (400, "A TTL must be provided on refresh"),
  ]

  private struct Parameters {
    var prevIndex: Int64 = 0
    var recursive = false
    var directory = false
    var noValue = false
    var prevValue: String?
    var ttl: Int64?
    var prevExist: Bool?
    var refresh = false
    var value = ""

    init(_ list: [(String, String)], _ method: String) throws {
      func get(_ name: String) -> String? { list.first { $0.0 == name }?.1 }
      func refuse(_ code: Int64, _ cause: String) -> Refusal {
        Refusal(code: code, cause: cause, isOfRequest: true)
      }
      func flag(_ name: String, quote: String = "\"") throws -> Bool? {
        guard let text = get(name) else { return nil }
        if ["1", "t", "T", "true", "TRUE", "True"].contains(text) { return true }
        if ["0", "f", "F", "false", "FALSE", "False"].contains(text) { return false }
        throw refuse(209, "invalid value for \(quote)\(name)\(quote)")
      }
      func number(_ name: String, _ code: Int64) throws -> Int64? {
        guard let text = get(name) else { return nil }
        guard !text.isEmpty, text.allSatisfy(\.isNumber), let number = Int64(text) else {
          throw refuse(code, "invalid value for \"\(name)\"")
        }
        return number
      }
      self.prevIndex = try number("prevIndex", 203) ?? 0
      _ = try number("waitIndex", 203)
      self.recursive = try flag("recursive") ?? false
      _ = try flag("sorted")
      let wait = try flag("wait") ?? false
      self.directory = try flag("dir") ?? false
      _ = try flag("quorum")
      _ = try flag("stream")
      if wait, method != "GET" {
        throw refuse(209, "\"wait\" can only be used with GET requests")
      }
      self.prevValue = get("prevValue")
      if self.prevValue == "" { throw refuse(201, "\"prevValue\" cannot be empty") }
      self.noValue = try flag("noValueOnSuccess") ?? false
      if get("ttl") != "" { self.ttl = try number("ttl", 202).map { $0 / 100_000 } }
      self.prevExist = try flag("prevExist", quote: "")
      self.refresh = try flag("refresh", quote: "") ?? false
      self.value = get("value") ?? ""
      if self.refresh, self.value != "" { throw refuse(211, "A value was provided on a refresh") }
      if self.refresh, self.ttl == nil { throw refuse(212, "No TTL value set") }
    }
  }

  // MARK: Operations

  private mutating func carryOut(
    _ method: String, _ path: String, _ parameters: Parameters
  ) throws -> (Int, WireJSON) {
    switch method {
    case "GET", "HEAD":
      let entry = try self.find(path)
      return (
        200,
        .object([
          "action": .text("get"),
          "node": self.node(path, entry, children: parameters.recursive ? .max : 1),
        ])
      )
    case "DELETE": return (200, try self.delete(path, parameters))
    case "POST":
      let digits = "\(self.index + 1)"
      let name = String(repeating: "0", count: 20 - digits.count) + digits
      return try self.write(path + "/" + name, "create", parameters)
    case "PUT" where parameters.prevExist == false:
      if path == "/" { throw Refusal(code: 107, cause: "/") }
      do {
        _ = try self.find(path)
      } catch let refusal as Refusal where refusal.code == 100 {
        return try self.write(path, "create", parameters)
      }
      throw Refusal(code: 105, cause: path)
    case "PUT" where parameters.prevIndex != 0 || parameters.prevValue != nil:
      if path == "/" { throw Refusal(code: 107, cause: "/") }
      return try self.change(
        path, "compareAndSwap", try self.compared(path, parameters), parameters)
    case "PUT" where parameters.prevExist == true:
      if path == "/" { throw Refusal(code: 107, cause: "/") }
      let entry = try self.find(path)
      if entry.isDirectory, parameters.value != "" { throw Refusal(code: 102, cause: path) }
      return try self.change(path, "update", entry, parameters)
    default:
      var parameters = parameters
      do {
        let entry = try self.find(path)
        if entry.isDirectory {
          throw path == "/" ? Refusal(code: 107, cause: "/") : Refusal(code: 102, cause: path)
        }
        if parameters.refresh { parameters.value = entry.value ?? "" }
      } catch let refusal as Refusal where refusal.code == 100 && !parameters.refresh {}
      return try self.write(path, "set", parameters)
    }
  }

  private mutating func write(
    _ path: String, _ action: String, _ parameters: Parameters
  ) throws -> (Int, WireJSON) {
    let previous = self.entries[path]
    let above = Self.above(path)
    if let file = above.first(where: { self.entries[$0]?.isDirectory == false }) {
      throw Refusal(code: 104, cause: file)
    }
    self.index += 1
    for directory in above where self.entries[directory] == nil {
      self.entries[directory] = Entry(created: self.index, modified: self.index)
    }
    let entry = Entry(
      value: parameters.directory ? nil : parameters.value, created: self.index,
      modified: self.index, ttl: parameters.ttl)
    self.entries[path] = entry
    let body = self.event(action, path, entry, previous, brief: parameters.noValue)
    return (previous == nil ? 201 : 200, body)
  }

  private mutating func change(
    _ path: String, _ action: String, _ previous: Entry, _ parameters: Parameters
  ) throws -> (Int, WireJSON) {
    self.index += 1
    var entry = previous
    entry.ttl = parameters.ttl
    if !entry.isDirectory {
      entry.modified = self.index
      if !parameters.refresh { entry.value = parameters.value }
    }
    self.entries[path] = entry
    entry.modified = self.index
    return (200, self.event(action, path, entry, previous, brief: parameters.noValue))
  }

  private mutating func delete(_ path: String, _ parameters: Parameters) throws -> WireJSON {
    var action = "delete"
    let previous: Entry
    if parameters.prevIndex != 0 || parameters.prevValue != nil {
      action = "compareAndDelete"
      if path == "/" { throw Refusal(code: 102, cause: nil) }
      previous = try self.compared(path, parameters)
    } else {
      if path == "/" { throw Refusal(code: 107, cause: "/") }
      previous = try self.find(path)
      if previous.isDirectory, !parameters.recursive {
        if !parameters.directory { throw Refusal(code: 102, cause: path) }
        if self.entries.keys.contains(where: { $0.hasPrefix(path + "/") }) {
          throw Refusal(code: 108, cause: path)
        }
      }
    }
    self.index += 1
    self.entries = self.entries.filter { $0.key != path && !$0.key.hasPrefix(path + "/") }
    var node: [String: WireJSON] = [
      "key": .text(path), "modifiedIndex": .integer(self.index),
      "createdIndex": .integer(previous.created),
    ]
    if previous.isDirectory { node["dir"] = .bool(true) }
    return .object([
      "action": .text(action), "node": .object(node), "prevNode": self.node(path, previous),
    ])
  }

  private func compared(_ path: String, _ parameters: Parameters) throws -> Entry {
    let entry = try self.find(path)
    guard let value = entry.value else { throw Refusal(code: 102, cause: path) }
    var reasons: [String] = []
    if let wanted = parameters.prevValue, wanted != value {
      reasons.append("[\(wanted) != \(value)]")
    }
    if parameters.prevIndex != 0, parameters.prevIndex != entry.modified {
      reasons.append("[\(parameters.prevIndex) != \(entry.modified)]")
    }
    if !reasons.isEmpty { throw Refusal(code: 101, cause: reasons.joined(separator: " ")) }
    return entry
  }

  // MARK: Looking

  private static func above(_ path: String) -> [String] {
    path.indices.dropFirst().filter { path[$0] == "/" }.map { String(path[..<$0]) }
  }

  private func find(_ path: String) throws -> Entry {
    if path == "/" { return Entry(created: 0, modified: 0) }
    for way in Self.above(path) + [path] {
      guard let entry = self.entries[way] else { throw Refusal(code: 100, cause: way) }
      if way == path { return entry }
      if !entry.isDirectory { throw Refusal(code: 104, cause: way) }
    }
    fatalError("no path leads to itself: \(path)")
  }

  private func node(_ path: String, _ entry: Entry, children depth: Int = 0) -> WireJSON {
    var node: [String: WireJSON] = [
      "key": .text(path), "modifiedIndex": .integer(entry.modified),
      "createdIndex": .integer(entry.created),
    ]
    if let value = entry.value { node["value"] = .text(value) } else { node["dir"] = .bool(true) }
    if let ttl = entry.ttl { node["expires"] = .integer(ttl) }
    if depth > 0, entry.isDirectory {
      let names = self.entries.keys
        .filter { $0.hasPrefix(path + "/") && !$0.dropFirst(path.count + 1).contains("/") }
        .filter { !$0.hasPrefix(path + "/_") }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      let nodes = names.compactMap { name in
        self.entries[name].map { self.node(name, $0, children: depth - 1) }
      }
      if !nodes.isEmpty { node["nodes"] = .array(nodes) }
    }
    return .object(node)
  }

  private func event(
    _ action: String, _ path: String, _ entry: Entry, _ previous: Entry?, brief: Bool
  ) -> WireJSON {
    var body: [String: WireJSON] = ["action": .text(action)]
    if !brief {
      body["node"] = self.node(path, entry)
      if let previous { body["prevNode"] = self.node(path, previous) }
    }
    return .object(body)
  }
}
