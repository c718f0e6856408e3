import ArgumentParser
import Glibc
import Logging

/// Writes log lines to standard error.
package struct StandardErrorLog: LogHandler {
  package var logLevel: Logger.Level
  package var metadata: Logger.Metadata = [:]
  package var metadataProvider: Logger.MetadataProvider?
  private let format: LogFormat

  init(format: LogFormat, logLevel: Logger.Level) {
    self.format = format
    self.logLevel = logLevel
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { self.metadata[key] }
    set { self.metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    let metadata = self.metadata.merging(self.metadataProvider?.get() ?? [:]) { $1 }
      .merging(event.metadata ?? [:]) { $1 }
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let line = LogLine(
      level: event.level, seconds: time.tv_sec, microseconds: time.tv_nsec / 1000,
      process: getpid(), file: event.file, line: event.line, message: event.message.description,
      metadata: metadata)
    // In one `write`, so that processes that share a file do not mix their lines.
    var text = line.text(in: self.format) + "\n"
    text.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}

/// The format of log lines.
package enum LogFormat: String, CaseIterable, ExpressibleByArgument, Sendable {
  case klog, json

  /// Makes every `Logger` of this process write to standard error in this format. Call it once, at the
  /// start.
  /// - Parameter verbosity: klog's `--v`: 0 logs information, 2 adds debug messages, 4 everything.
  package func bootstrap(verbosity: Int) {
    let level: Logger.Level =
      switch verbosity {
      case ...1: .info
      case 2...3: .debug
      default: .trace
      }
    LoggingSystem.bootstrap { _ in StandardErrorLog(format: self, logLevel: level) }
  }
}

/// The log flags of Kubernetes' programs.
package struct LogOptions: ParsableArguments {
  /// The names of the boolean flags.
  package static let switches: Set<String> = ["logtostderr"]

  @Option(
    name: [.customLong("v"), .customShort("v")],
    help: "The log's verbosity: 0, 2 for each step, 4 for everything.")
  package var verbosity = 0

  @Option(help: "Must be true: the log goes to standard error.")
  package var logtostderr: GoBool = true

  package init() {}

  package func validate() throws {
    if !self.logtostderr.isTrue {
      throw ValidationError(
        "--logtostderr=false is not supported: the log goes to standard error; redirect it with 2>")
    }
  }

  /// Makes every `Logger` of this process write klog's lines to standard error.
  package func bootstrap() { LogFormat.klog.bootstrap(verbosity: self.verbosity) }
}
