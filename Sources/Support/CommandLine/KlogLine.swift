import Glibc
import Logging

/// One log line in the form of Kubernetes' klog:
/// `I0211 15:13:46.857372       1 podmaster.go:142] message`.
///
/// With metadata the message is quoted and followed by `key="value"` pairs in the order of the keys, like
/// klog's `InfoS`.
///
/// Source: k8s.io/klog `formatHeader` and `KVListFormat`.
package struct KlogLine: CustomStringConvertible {
  package var level: Logger.Level
  /// Seconds since 1970; printed in the machine's time zone, as in klog.
  package var seconds: Int
  package var microseconds: Int
  package var process: Int32
  /// `Module/File.swift`; printed without the module.
  package var file: String
  package var line: UInt
  package var message: String
  package var metadata: Logger.Metadata

  package var description: String {
    var time = tm()
    var seconds = time_t(self.seconds)
    localtime_r(&seconds, &time)
    let file = self.file.split(separator: "/").last ?? Substring(self.file)
    let header =
      "\(self.letter)\(Self.padded(Int(time.tm_mon) + 1, 2))\(Self.padded(Int(time.tm_mday), 2)) "
      + "\(Self.padded(Int(time.tm_hour), 2)):\(Self.padded(Int(time.tm_min), 2)):"
      + "\(Self.padded(Int(time.tm_sec), 2)).\(Self.padded(self.microseconds, 6)) "
      + "\(Self.padded(Int(self.process), 7, with: " ")) \(file):\(self.line)] "
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

  private static func padded(_ number: Int, _ width: Int, with fill: Character = "0") -> String {
    let digits = String(number)
    return String(repeating: fill, count: max(0, width - digits.count)) + digits
  }

  /// A line break in a message would look like another line.
  private static func onOneLine(_ text: String) -> String {
    text.replacing("\n", with: "\\n")
  }

  private static func quoted(_ text: String) -> String {
    "\"" + onOneLine(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")) + "\""
  }
}
