import Glibc

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
