import ArgumentParser
import Glibc
import Logging
import ServiceLifecycle
import Synchronization
import UnixSignals

/// Standard output: lines, and a view that a terminal redraws in place.
final class Console: Sendable {
  let isTerminal = isatty(STDOUT_FILENO) == 1
  /// How many lines the last view takes; the next one overwrites them.
  private let drawn = Mutex(0)

  init() {
    // A reader that went away must not end us before our processes have ended.
    signal(SIGPIPE, SIG_IGN)
  }

  func line(_ text: String = "") {
    self.drawn.withLock { drawn in
      Self.write(text + "\n")
      drawn = 0
    }
  }

  /// Shows a view, on a terminal in place of the previous one.
  func show(_ view: String) {
    self.drawn.withLock { drawn in
      if self.isTerminal {
        // A line wider than the terminal takes several rows.
        let width = Self.width
        let lines = view.split(separator: "\n", omittingEmptySubsequences: false)
          .reduce(0) { $0 + max(1, ($1.count + width - 1) / width) }
        let up = drawn > 0 ? "\u{1B}[\(drawn)A\r\u{1B}[J" : ""
        Self.write(up + view + "\n")
        drawn = lines
      } else {
        Self.write(view + "\n\n")
      }
    }
  }

  private static var width: Int {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  private static func write(_ text: String) { self.write(Array(text.utf8)) }

  static func write(_ bytes: [UInt8], to descriptor: Int32 = STDOUT_FILENO) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}

/// Runs the body; ctrl-C, SIGTERM or the terminal's end shut it down gracefully.
/// - Throws: what the body throws, or `CancellationError` when it was shut down before its end.
@discardableResult
func untilSignal<Result: Sendable>(
  _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
  let result = Mutex<Result?>(nil)
  let service = ServiceGroupConfiguration.ServiceConfiguration(
    service: ClosureService {
      let value = try await body()
      result.withLock { $0 = value }
    }, successTerminationBehavior: .gracefullyShutdownGroup,
    failureTerminationBehavior: .cancelGroup)
  try await ServiceGroup(
    configuration: ServiceGroupConfiguration(
      services: [service], gracefulShutdownSignals: [.sigint, .sigterm, .sighup],
      logger: Logger(label: "zweimaster") { _ in SwiftLogNoOpLogHandler() })
  ).run()
  guard let result = result.withLock({ $0 }) else { throw CancellationError() }
  return result
}

extension Console {
  /// Runs the body until its end or a signal; a signal ends the program with 130.
  /// - Parameter directory: where the logs are then.
  func untilSignal<Result: Sendable>(
    logs directory: String, _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    do {
      return try await zweimaster.untilSignal(body)
    } catch is CancellationError {
      self.line("\nInterrupted; all is down. Logs are in \(directory).")
      throw ExitCode(130)
    }
  }
}
