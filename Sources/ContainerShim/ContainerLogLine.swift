import Glibc

/// Cuts what a container writes into the lines of a log file:
/// `2016-10-06T00:17:09.669794202Z stdout F text`, with `P` for the parts of a long line but its last.
///
/// Source: `staging/src/k8s.io/cri-client/pkg/logs`, and the container runtime interface's logging document.
public struct ContainerLogLines: Sendable {
  /// A longer line is cut in parts of this many bytes, as the runtimes do.
  public static let longestPart = 16 << 10

  public let stream: String
  private var rest: [UInt8] = []

  /// - Parameter stream: `stdout` or `stderr`.
  public init(stream: String) {
    self.stream = stream
  }

  /// Takes in what was written and returns the lines that are whole now.
  /// - Parameter time: RFC 3339 with nanoseconds.
  public mutating func take(_ bytes: some Sequence<UInt8>, time: String) -> [UInt8] {
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

  /// What was begun and will not be finished.
  public mutating func end(time: String) -> [UInt8] {
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

extension timespec {
  /// RFC 3339 in UTC with nine fractional digits.
  var rfc3339: String {
    var seconds = self.tv_sec
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func digits(_ number: Int, _ count: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, count - text.count)) + text
    }
    let date =
      "\(digits(Int(parts.tm_year) + 1900, 4))-\(digits(Int(parts.tm_mon) + 1, 2))-"
      + digits(Int(parts.tm_mday), 2)
    let time =
      "\(digits(Int(parts.tm_hour), 2)):\(digits(Int(parts.tm_min), 2)):"
      + digits(Int(parts.tm_sec), 2)
    return "\(date)T\(time).\(digits(self.tv_nsec, 9))Z"
  }
}
