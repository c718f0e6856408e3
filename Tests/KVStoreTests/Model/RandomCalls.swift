import SeededRandom

/// Calls by chance, with every parameter of the API. Most are carried out, some are refused.
struct RandomCalls {
  struct Known {
    var value: String?
    var modified: Int64
  }

  /// All keys lie below it.
  let root: String
  /// How many calls of a hundred ask for a key that is there. Others rarely meet one, and never an in-order
  /// one.
  var percentKnown = 40
  var random: SeededGenerator

  init(root: String, seed: UInt64) {
    self.root = root
    self.random = SeededGenerator(seed: seed)
  }

  // MARK: Chance

  mutating func chance(_ percent: Int) -> Bool {
    Int.random(in: 0..<100, using: &self.random) < percent
  }

  mutating func one<Element>(of list: [Element]) -> Element {
    list.randomElement(using: &self.random)!
  }

  mutating func path() -> String {
    var path = self.root
    for _ in 0..<self.one(of: [0, 1, 1, 2, 2, 2, 3, 4]) {
      path += "/" + self.one(of: ["a", "b", "c", "_h", "\u{E9}", "x y", "%", "a.b"])
    }
    return path
  }

  // MARK: Calls

  /// - Parameters:
  ///   - known: the keys that there are, in an order that a seed repeats.
  ///   - look: one of them.
  mutating func next(_ known: () -> [String], _ look: (String) -> Known?) -> KeysCall {
    let method = self.one(of: [
      "GET", "GET", "HEAD", "PUT", "PUT", "PUT", "PUT", "PUT", "POST", "DELETE",
    ])
    var path = self.path()
    if self.chance(self.percentKnown), case let known = known(), !known.isEmpty {
      path = self.one(of: known)
    }
    if self.chance(2), method == "PUT" || method == "DELETE" { path = "/" }
    var parameters = self.parameters(method, look(path))
    parameters.shuffle(using: &self.random)

    guard method == "PUT" || method == "POST" else {
      return KeysCall(method: method, path: path, query: parameters)
    }
    let split = self.one(of: [
      0, parameters.count, Int.random(in: 0...parameters.count, using: &self.random),
    ])
    return KeysCall(
      method: method, path: path, query: Array(parameters[split...]),
      body: Array(parameters[..<split]))
  }

  private mutating func parameters(_ method: String, _ key: Known?) -> KeysCall.Parameters {
    var parameters: KeysCall.Parameters = []
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
      [key?.value ?? "", key?.value ?? "", "1", "2", "3", "\u{E9}"].filter { !$0.isEmpty })
    add(
      10, "prevIndex", ["\(key?.modified ?? 1)", "\(key?.modified ?? 1)", "1", "0", "99999999"])
    flag(5, "noValueOnSuccess")
    flag(5, "quorum")
    if changes {
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
    return parameters
  }
}
