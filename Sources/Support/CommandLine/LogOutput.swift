import Glibc
import Logging

extension LogHandler {
  /// The handler's own metadata, the provider's and the event's; of one key the last one counts.
  package func pairs(of event: LogEvent) -> Logger.Metadata {
    self.metadata.merging(self.metadataProvider?.get() ?? [:]) { $1 }
      .merging(event.metadata ?? [:]) { $1 }
  }
}

/// Where all lines go: standard error.
package enum LogOutput {
  /// The wall clock, in seconds since 1970 and microseconds.
  package static var now: (seconds: Int, microseconds: Int) {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return (time.tv_sec, time.tv_nsec / 1000)
  }

  /// Hands a line to the kernel in one `write`, so that processes that share a file do not mix theirs.
  package static func write(_ line: some CustomStringConvertible) {
    var text = line.description + "\n"
    text.withUTF8 { bytes in
      _ = Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
    }
  }
}
