import ArgumentParser
import CommandLine
import Glibc
import Logging
import ServiceLifecycle
import Synchronization
import UnixSignals

/// Standard output: lines, and a view that a terminal redraws in place; and on standard error how far a task is.
final class Console: Sendable {
  let isTerminal = Terminal.output.isTerminal
  /// Of what takes long.
  let progress = ProgressDisplay("zweimaster")
  /// How many lines the last view takes; the next one overwrites them.
  private let drawn = Mutex(0)

  init() {
    // A reader that went away must not end us before our processes have ended.
    signal(SIGPIPE, SIG_IGN)
  }

  func line(_ text: String = "") {
    self.drawn.withLock { drawn in
      self.progress.line(text, to: .output)
      drawn = 0
    }
  }

  /// Shows a view, on a terminal in place of the previous one.
  func show(_ view: String) {
    self.drawn.withLock { drawn in
      if self.isTerminal {
        // A line wider than the terminal takes several rows.
        let width = Terminal.output.columns
        let lines = view.split(separator: "\n", omittingEmptySubsequences: false)
          .reduce(0) { $0 + max(1, ($1.count + width - 1) / width) }
        let up = drawn > 0 ? "\u{1B}[\(drawn)A\r\u{1B}[J" : ""
        Terminal.output.write(up + view + "\n")
        drawn = lines
      } else {
        Terminal.output.write(view + "\n\n")
      }
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
