import Glibc

extension LogLine {
  /// As a JSON object, for programs that collect logs:
  /// `{"ts":"2026-02-11T15:13:46.857372Z","severity":"info","caller":"Store.swift:142","msg":"…"}`.
  ///
  /// Metadata become members after these four, in the order of their keys; a key with one of the four names
  /// gets a leading underscore. Every value is a string.
  var json: String {
    var members: [(name: String, value: String)] = [
      ("ts", self.time("%Y-%m-%dT%H:%M:%S") { gmtime_r($0, $1) } + "Z"),
      ("severity", self.level.rawValue), ("caller", self.caller), ("msg", self.message),
    ]
    let names = Set(members.map(\.name))
    for (key, value) in self.metadata.sorted(by: { $0.key < $1.key }) {
      members.append((names.contains(key) ? "_" + key : key, value.description))
    }
    return "{" + members.map { "\(Self.json($0)):\(Self.json($1))" }.joined(separator: ",") + "}"
  }

  /// Source: RFC 8259, section 7.
  private static func json(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case ..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
