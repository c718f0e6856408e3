/// What differs between two documents of two servers, with their names.
struct Difference: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }

  /// Compares two documents. Times may be off by what a busy machine needs to write to both servers, and
  /// the children of a directory come in any order unless it `isSorted`.
  static func find(_ a: WireJSON?, _ b: WireJSON?, isSorted: Bool = true) -> String? {
    switch (a, b) {
    case (.object(let a)?, .object(let b)?):
      for name in Set(a.keys).union(b.keys).sorted() {
        if let difference = self.find(name, a[name], b[name], isSorted: isSorted) {
          return "\(name): \(difference)"
        }
      }
      return nil
    case (.array(let a)?, .array(let b)?) where a.count == b.count:
      let pairs = zip(isSorted ? a : self.sorted(a), isSorted ? b : self.sorted(b))
      return pairs.lazy.compactMap { self.find($0, $1, isSorted: isSorted) }.first
    default:
      return a == b ? nil : "\(a?.description ?? "nothing") and \(b?.description ?? "nothing")"
    }
  }

  private static let slackSeconds = 10.0

  private static func find(
    _ name: String, _ a: WireJSON?, _ b: WireJSON?, isSorted: Bool
  ) -> String? {
    switch name {
    case "ttl":
      let (first, second) = (a?.number ?? 0, b?.number ?? 0)
      return abs(first - second) <= self.slackSeconds ? nil : "\(first) and \(second)"
    case "expiration":
      if let first = a?.text.flatMap(ScenarioState.secondsSince1970),
        let second = b?.text.flatMap(ScenarioState.secondsSince1970),
        abs(first - second) <= self.slackSeconds
      {
        return nil
      }
    default: break
    }
    return self.find(a, b, isSorted: isSorted)
  }

  private static func sorted(_ nodes: [WireJSON]) -> [WireJSON] {
    nodes.sorted {
      ($0["key"]?.text ?? "").utf8.lexicographicallyPrecedes(($1["key"]?.text ?? "").utf8)
    }
  }
}
