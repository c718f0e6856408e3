/// The same watch at both servers.
final class WatchPair: CustomStringConvertible {
  let call: KeysCall
  /// The index at its start.
  let start: Int64
  let isStream: Bool
  let waitIndex: Int64
  private let sides: [Side]
  private let halves: [WatchHalf]

  /// Begins it.
  /// - Parameter start: the index of both servers.
  init(_ call: KeysCall, at start: Int64, on sides: [Side]) throws {
    func value(_ name: String) -> String? { call.query.first { $0.0 == name }?.1 }
    self.call = call
    self.start = start
    self.isStream = value("stream") == "true"
    self.waitIndex = value("waitIndex").flatMap { Int64($0) } ?? 0
    self.sides = sides
    self.halves = try sides.map { try $0.watch(call) }
    if let difference = self.differenceOfHeads { throw Difference("\(self): \(difference)") }
  }

  var description: String { "\(self.call) begun at \(self.start)" }

  /// Whether it waits for an event, or has got one.
  var isWatch: Bool { self.halves.allSatisfy { $0.head.status == 200 } }

  /// The key by whose change the end of the watch is told, and the least index of that change.
  var end: (path: String, index: Int64) { (self.call.path, max(self.waitIndex, self.start + 1)) }

  private var differenceOfHeads: String? {
    let (a, b) = (self.halves[0].head, self.halves[1].head)
    if a.status != b.status { return "status \(a.status) and \(b.status)" }
    for name in ["X-Etcd-Index", "Content-Type"] where a[name] != b[name] {
      return "\(name) \(a[name] ?? "missing") and \(b[name] ?? "missing")"
    }
    return nil
  }

  /// Reads all events up to the last one, and compares them.
  /// - Parameter last: the value of the last one.
  /// - Throws: ``Difference``.
  func compare(last: String) throws {
    // A stream that was answered from the past gets nothing more.
    func isOfThePast(_ event: WireJSON) -> Bool {
      self.waitIndex != 0 && (event["node"]?["modifiedIndex"]?.integer ?? .max) <= self.start
    }
    for (half, side) in zip(self.halves, self.sides) {
      let wrong = try half.read { event in
        self.isStream && (event["node"]?["value"]?.text == last || isOfThePast(event))
      }
      if let wrong { throw Difference("\(self): \(side.name): \(wrong)") }
    }
    let (a, b) = (self.halves[0].events, self.halves[1].events)
    for (number, (first, second)) in zip(a, b).enumerated() {
      if let difference = Difference.find(first, second) {
        throw Difference("\(self): event \(number): \(difference)\n\(first)\n\(second)")
      }
    }
    if a.count != b.count { throw Difference("\(self): \(a.count) and \(b.count) events") }
    for (half, side) in zip(self.halves, self.sides) {
      if self.isStream, half.events.last.map(isOfThePast) == true, try half.hasMore() {
        throw Difference("\(self): \(side.name) tells more after an event of the past")
      }
      side.takeBack(half)
    }
  }

  var events: [WireJSON] { self.halves[0].events }
}
