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
