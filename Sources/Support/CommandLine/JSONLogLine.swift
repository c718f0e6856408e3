import Glibc
import Logging

/// One log line as a JSON object, for programs that collect logs:
/// `{"ts":"2026-02-11T15:13:46.857372Z","severity":"info","caller":"Store.swift:142","msg":"…"}`.
///
/// Metadata become members after these four, in the order of their keys; a key with one of the four names
/// gets a leading underscore. Every value is a string.
package struct JSONLogLine: CustomStringConvertible {
  package var level: Logger.Level
  /// Seconds since 1970; printed in UTC.
  package var seconds: Int
  package var microseconds: Int
  /// `Module/File.swift`; printed without the module.
  package var file: String
  package var line: UInt
  package var message: String
  package var metadata: Logger.Metadata

  package var description: String {
    let file = self.file.split(separator: "/").last ?? Substring(self.file)
    var members: [(name: String, value: String)] = [
      ("ts", self.timestamp), ("severity", self.level.rawValue), ("caller", "\(file):\(self.line)"),
      ("msg", self.message),
    ]
    let names = Set(members.map(\.name))
    for (key, value) in self.metadata.sorted(by: { $0.key < $1.key }) {
      members.append((names.contains(key) ? "_" + key : key, value.description))
    }
    return "{" + members.map { "\(Self.quoted($0)):\(Self.quoted($1))" }.joined(separator: ",")
      + "}"
  }

  /// Source: RFC 3339, with six digits of a second.
  private var timestamp: String {
    var time = tm()
    var seconds = time_t(self.seconds)
    gmtime_r(&seconds, &time)
    func padded(_ number: some BinaryInteger, _ width: Int = 2) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    return
      "\(padded(time.tm_year + 1900, 4))-\(padded(time.tm_mon + 1))-\(padded(time.tm_mday))T"
      + "\(padded(time.tm_hour)):\(padded(time.tm_min)):\(padded(time.tm_sec))."
      + "\(padded(self.microseconds, 6))Z"
  }

  /// Source: RFC 8259, section 7.
  private static func quoted(_ text: String) -> String {
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
