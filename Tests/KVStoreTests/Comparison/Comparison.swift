import Foundation

/// Plays random requests and watches on two servers whose indices are the same, in batches: watches begin
/// between requests, and the batch ends with a change that each of them sees. So nothing depends on how
/// quickly an event is delivered.
final class Comparison {
  private let sides: [Side]
  /// All that is written lies below it, even beside the root of the calls.
  private let top = "/compare"
  private let root = "/compare/keys"
  private var calls: RandomCalls
  private var index: Int64 = 0
  private var keys: [String: RandomCalls.Known] = [:]
  private var watches: [WatchPair] = []
  private var played: [String] = []
  private var lastSentinel = 0
  private var tally = Tally()

  /// What has happened: a case that never occurs is not tested.
  struct Tally: Sendable, CustomStringConvertible {
    var requests = 0
    var codes: Set<Int64> = []
    var watches = 0
    /// The events of the watches by their actions.
    var events: [String: Int] = [:]

    mutating func count(_ watch: WatchPair) {
      self.watches += 1
      for event in watch.events {
        if let action = event["action"]?.text { self.events[action, default: 0] += 1 }
        if let code = event["errorCode"]?.integer { self.codes.insert(code) }
      }
    }

    static func += (a: inout Tally, b: Tally) {
      a.requests += b.requests
      a.codes.formUnion(b.codes)
      a.watches += b.watches
      a.events.merge(b.events, uniquingKeysWith: +)
    }

    var description: String {
      "\(self.requests) requests, \(self.watches) watches, events: "
        + self.events.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        .joined(separator: ", ")
    }
  }

  init(kvstore: Int, etcd: Int, seed: UInt64) throws {
    self.sides = [try Side("kvstore", port: kvstore), try Side("etcd", port: etcd)]
    self.calls = RandomCalls(root: self.root, seed: seed)
    self.calls.percentKnown = 60
  }

  /// - Throws: ``Difference`` for the first one, with the requests before it.
  func play(_ count: Int) throws -> Tally {
    do {
      try self.align()
      var left = count
      while left > 0 {
        let size = min(left, Int.random(in: 5...60, using: &self.calls.random))
        try self.playBatch(size)
        left -= size
      }
      try self.awaitNoWatchers()
      return self.tally
    } catch let difference as Difference {
      let before = self.played.suffix(80).joined(separator: "\n")
      throw Difference("kvstore and etcd differ: \(difference)\n\(before)")
    }
  }

  // MARK: Parts

  /// Gives both the same index, and a history that is full of the same events.
  private func align() throws {
    let look = KeysCall(method: "GET", path: "/", query: [("sorted", "true")])
    let found = try self.sides.map { try $0.ask(look).index }
    let filler = KeysCall(method: "PUT", path: "/filler", body: [("value", "1")])
    let isNew = found.min() == 0
    for (side, index) in zip(self.sides, found) {
      let goal = (found.max() ?? 0) + (isNew ? 1_001 : 0)
      for _ in index..<goal { _ = try side.ask(filler) }
    }
    _ = try self.compare(look)
  }

  private func playBatch(_ size: Int) throws {
    self.played = []
    if self.calls.chance(50) {
      // It sees nearly all of it.
      let all = [("wait", "true"), ("stream", "true"), ("recursive", "true")]
      try self.beginWatch(KeysCall(method: "GET", path: self.root, query: all))
    }
    for _ in 0..<size {
      if self.watches.count < 12, self.calls.chance(30) { try self.beginWatch(self.nextWatch()) }
      if self.calls.one(of: Array(0..<150)) == 0 {
        try self.expire()
      } else {
        _ = try self.compare(self.nextCall())
      }
    }
    let all = [("recursive", "true"), ("sorted", "true")]
    _ = try self.compare(KeysCall(method: "GET", path: self.root, query: all))
    try self.endWatches()
  }

  private func nextCall() -> KeysCall {
    self.calls.next({ self.keys.keys.sorted() }) { self.keys[$0] }
  }

  /// A change that gives a key no time to live, or a second of it. Nothing else is written until the key is
  /// gone, so that it goes at the same index on both.
  private func expire() throws {
    var call = self.nextCall()
    while call.method != "PUT" && call.method != "POST" { call = self.nextCall() }
    for name in ["ttl", "noValueOnSuccess"] {
      call.query.removeAll { $0.0 == name }
      call.body.removeAll { $0.0 == name }
    }
    call.query.append(("ttl", self.calls.one(of: ["0", "1", "1"])))
    let answer = try self.compare(call)
    guard let path = answer.body["node"]?["key"]?.text else { return }
    let look = KeysCall(method: "GET", path: path)
    for side in self.sides {
      try Self.await("\(side.name) lets \(path) expire") { try side.ask(look).status == 404 }
    }
    self.forget(path)
    _ = try self.compare(look)
  }

  // MARK: Watches

  private func nextWatch() -> KeysCall {
    var path = self.calls.path()
    if self.calls.chance(40), !self.keys.isEmpty {
      path = self.calls.one(of: self.keys.keys.sorted())
    }
    // In its history etcd compares prefixes of names, not whole names.
    if self.calls.chance(15) { path += ".b" }
    var query = [("wait", "true")]
    if self.calls.chance(10) { path = "/" }
    if path == "/" || self.calls.chance(50) { query.append(("recursive", "true")) }
    if self.calls.chance(40) { query.append(("stream", "true")) }
    let waitIndex: Int64? =
      switch self.calls.one(of: Array(0..<10)) {
      case 0, 1: self.index - Int64.random(in: 0..<1_000, using: &self.calls.random)
      case 2, 3: self.index - Int64.random(in: 0..<30, using: &self.calls.random)
      case 4: self.index + 1
      case 5: self.index + Int64.random(in: 1...20, using: &self.calls.random)
      case 6: self.calls.one(of: [0, 1, self.index - 1_000, self.index - 999])
      default: nil
      }
    if let waitIndex { query.append(("waitIndex", "\(waitIndex)")) }
    if self.calls.chance(5) {
      query.append((self.calls.one(of: ["sorted", "dir", "noValueOnSuccess", "quorum"]), "false"))
    }
    query.shuffle(using: &self.calls.random)
    return KeysCall(method: "GET", path: path, query: query)
  }

  private func beginWatch(_ call: KeysCall) throws {
    self.played.append("\(call)")
    self.watches.append(try WatchPair(call, at: self.index, on: self.sides))
  }

  /// Changes the key of each watch once, and compares the events up to that one.
  private func endWatches() throws {
    let clear = KeysCall(method: "DELETE", path: self.top, query: [("recursive", "true")])
    for watch in self.watches {
      self.lastSentinel += 1
      let value = "end-\(self.lastSentinel)"
      if watch.isWatch {
        // Without it a directory or a key in the way would refuse the change.
        _ = try self.compare(clear)
        let path = watch.end.path == "/" ? self.root + "/z" : watch.end.path
        let change = KeysCall(method: "PUT", path: path, body: [("value", value)])
        repeat {
          guard try self.compare(change).status < 300 else {
            throw Difference("\(change) is refused")
          }
        } while self.index < watch.end.index
      }
      try watch.compare(last: value)
      self.tally.count(watch)
    }
    self.watches = []
    _ = try self.compare(clear)
  }

  // MARK: Requests

  /// Asks both, and compares the answers.
  private func compare(_ call: KeysCall) throws -> PlainModel.Answer {
    for side in self.sides { side.send(call) }
    let answers = try self.sides.map { try $0.answer(to: call) }
    let (a, b) = (answers[0], answers[1])
    self.played.append("\(call) -> \(a.status), index \(a.index)")
    if a.status != b.status { throw Difference("\(call): status \(a.status) and \(b.status)") }
    if a.index != b.index { throw Difference("\(call): index \(a.index) and \(b.index)") }
    if let difference = Difference.find(a.body, b.body, isSorted: call.isSorted) {
      throw Difference("\(call): \(difference)\n\(a.body)\n\(b.body)")
    }
    self.tally.requests += 1
    self.tally.codes.formUnion([a.body["errorCode"]?.integer].compactMap(\.self))
    self.index = max(self.index, a.index)
    self.learn(a.body)
    return a
  }

  private func learn(_ body: WireJSON) {
    guard let action = body["action"]?.text, action != "get", let node = body["node"],
      let path = node["key"]?.text, let modified = node["modifiedIndex"]?.integer
    else { return }
    switch action {
    case "delete", "compareAndDelete": self.forget(path)
    default: self.keys[path] = .init(value: node["value"]?.text, modified: modified)
    }
  }

  private func forget(_ path: String) {
    self.keys = self.keys.filter { $0.key != path && !$0.key.hasPrefix(path + "/") }
  }

  private func awaitNoWatchers() throws {
    for side in self.sides {
      try Self.await("\(side.name) forgets its watchers") { try side.watcherCount() == 0 }
    }
  }

  private static func await(_ what: String, _ condition: () throws -> Bool) throws {
    let end = ContinuousClock.now + .seconds(60)
    while try !condition() {
      guard ContinuousClock.now < end else { throw Difference("never: \(what)") }
      usleep(5_000)
    }
  }
}
