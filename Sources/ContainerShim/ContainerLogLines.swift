/// Splits a container's output into lines of a log file:
/// `2016-10-06T00:17:09.669794202Z stdout F text`. All parts of a long line but the last have `P` for `F`.
///
/// Source: `staging/src/k8s.io/cri-client/pkg/logs`, and the container runtime interface's logging document.
package struct ContainerLogLines: Sendable {
  /// The bytes of a part; longer lines are split, as container runtimes do.
  package static let longestPart = 16 << 10

  package let stream: String
  private var rest: [UInt8] = []

  /// - Parameter stream: `stdout` or `stderr`.
  package init(stream: String) {
    self.stream = stream
  }

  /// Appends output.
  /// - Parameter time: RFC 3339 with nanoseconds.
  /// - Returns: the log lines that are complete now.
  package mutating func append(_ bytes: some Sequence<UInt8>, time: String) -> [UInt8] {
    var lines: [UInt8] = []
    for byte in bytes {
      if byte == UInt8(ascii: "\n") {
        self.write("F", time: time, to: &lines)
      } else {
        self.rest.append(byte)
        if self.rest.count == Self.longestPart { self.write("P", time: time, to: &lines) }
      }
    }
    return lines
  }

  /// The log line of an unfinished line at the end of the output.
  package mutating func end(time: String) -> [UInt8] {
    var lines: [UInt8] = []
    if !self.rest.isEmpty { self.write("F", time: time, to: &lines) }
    return lines
  }

  private mutating func write(_ tag: String, time: String, to lines: inout [UInt8]) {
    lines += "\(time) \(self.stream) \(tag) ".utf8
    lines += self.rest
    lines.append(UInt8(ascii: "\n"))
    self.rest.removeAll(keepingCapacity: true)
  }
}
