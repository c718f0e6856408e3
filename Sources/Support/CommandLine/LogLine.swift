import Glibc
import Logging

/// One log line, as a value.
package struct LogLine {
  package var level: Logger.Level
  /// Seconds since 1970.
  package var seconds: Int
  package var microseconds: Int
  package var process: Int32
  /// `Module/File.swift`; printed without the module.
  package var file: String
  package var line: UInt
  package var message: String
  package var metadata: Logger.Metadata

  package func text(in format: LogFormat) -> String {
    switch format {
    case .klog: self.klog
    case .json: self.json
    }
  }

  var caller: String { "\(self.file.split(separator: "/").last ?? ""):\(self.line)" }

  /// The time of day with six digits of a second. Source: strftime(3).
  func time(_ format: String, _ convert: (UnsafePointer<time_t>, UnsafeMutablePointer<tm>) -> Void)
    -> String
  {
    var time = tm()
    var seconds = time_t(self.seconds)
    convert(&seconds, &time)
    let bytes = [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
      count = buffer.withMemoryRebound(to: CChar.self) {
        strftime($0.baseAddress, $0.count, format, &time)
      }
    }
    return String(decoding: bytes, as: UTF8.self) + "." + Self.padded(self.microseconds, 6, "0")
  }

  static func padded(_ number: some BinaryInteger, _ width: Int, _ fill: String) -> String {
    let digits = String(number)
    return String(repeating: fill, count: max(0, width - digits.count)) + digits
  }
}

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

extension LogLine {
  /// In the form of Kubernetes' klog and the machine's time zone:
  /// `I0211 15:13:46.857372       1 podmaster.go:142] message`.
  ///
  /// With metadata the message is quoted and followed by `key="value"` pairs in the order of the keys, like
  /// klog's `InfoS`.
  ///
  /// Source: k8s.io/klog `formatHeader` and `KVListFormat`.
  var klog: String {
    let time = self.time("%m%d %H:%M:%S") { localtime_r($0, $1) }
    let header =
      "\(self.letter)\(time) \(Self.padded(self.process, 7, " ")) \(self.caller)] "
    guard !self.metadata.isEmpty else { return header + Self.onOneLine(self.message) }
    let pairs = self.metadata.sorted { $0.key < $1.key }
      .map { " \($0.key)=\(Self.quoted($0.value.description))" }
    return header + Self.quoted(self.message) + pairs.joined()
  }

  private var letter: Character {
    switch self.level {
    case .trace, .debug, .info, .notice: "I"
    case .warning: "W"
    case .error: "E"
    case .critical: "F"
    }
  }

  /// A line break in a message would look like another line.
  private static func onOneLine(_ text: String) -> String {
    text.replacing("\n", with: "\\n")
  }

  private static func quoted(_ text: String) -> String {
    "\"" + onOneLine(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")) + "\""
  }
}
