import Glibc
import Logging

/// Writes log lines in the form of Kubernetes' klog to standard error:
/// `I0211 15:13:46.857372       1 podmaster.go:142] message`.
///
/// A message without metadata stands as it is; with metadata it is quoted and followed by
/// `key="value"` pairs in the order of the keys, as klog's `InfoS` writes it. A line is handed to the
/// kernel in one `write`, so that processes that share a file do not mix their lines.
///
/// Source: k8s.io/klog `formatHeader` and `KVListFormat`.
public struct KlogHandler: LogHandler {
  public var logLevel: Logger.Level
  public var metadata: Logger.Metadata = [:]
  public var metadataProvider: Logger.MetadataProvider?

  /// - Parameter logLevel: the least severe level that is written.
  public init(logLevel: Logger.Level = .info) {
    self.logLevel = logLevel
  }

  /// Makes every `Logger` of this process write here. To be called once, at the start.
  public static func bootstrap(logLevel: Logger.Level = .info) {
    LoggingSystem.bootstrap { _ in KlogHandler(logLevel: logLevel) }
  }

  /// The level that klog's `--v=N` stands for: 0 is information, 4 and more is everything.
  public static func level(verbosity: Int) -> Logger.Level {
    switch verbosity {
    case ...1: .info
    case 2...3: .debug
    default: .trace
    }
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { self.metadata[key] }
    set { self.metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    let (seconds, microseconds) = LogOutput.now
    LogOutput.write(
      KlogLine(
        level: event.level, seconds: seconds, microseconds: microseconds, process: getpid(),
        file: event.file, line: event.line, message: event.message.description,
        metadata: self.pairs(of: event)))
  }
}

/// One line in klog's form, as a value.
package struct KlogLine: CustomStringConvertible {
  package var level: Logger.Level
  /// Seconds since 1970; printed in the machine's time zone, as klog does.
  package var seconds: Int
  package var microseconds: Int
  package var process: Int32
  /// `Module/File.swift`; the file's name alone is printed.
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

  /// A line break inside of a message would look like a line of its own.
  private static func onOneLine(_ text: String) -> String {
    text.replacing("\n", with: "\\n")
  }

  private static func quoted(_ text: String) -> String {
    "\"" + onOneLine(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")) + "\""
  }
}
