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
