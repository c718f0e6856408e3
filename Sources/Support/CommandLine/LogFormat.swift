import ArgumentParser
import Logging

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
