import Glibc
import Logging
import ServiceLifecycle
import Synchronization
import UnixSignals

/// Standard output, for people: lines, and a view that is drawn anew in its place on a terminal.
final class Console: Sendable {
  let isTerminal = isatty(STDOUT_FILENO) == 1
  /// How many lines the view takes that was drawn last; they are drawn over.
  private let drawn = Mutex(0)

  init() {
    // A reader that went away must not end us before we have taken our processes down.
    signal(SIGPIPE, SIG_IGN)
  }

  func line(_ text: String = "") {
    self.drawn.withLock { drawn in
      Self.write(text + "\n")
      drawn = 0
    }
  }

  /// Shows a view, on a terminal in place of the one before.
  func show(_ view: String) {
    self.drawn.withLock { drawn in
      if self.isTerminal {
        // A line that is longer than the terminal is wide takes several.
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

  private static func write(_ text: String) {
    self.write(Array(text.utf8))
  }

  /// Writes bytes as they are.
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
func untilSignal(_ body: @escaping @Sendable () async throws -> Void) async throws {
  let service = ServiceGroupConfiguration.ServiceConfiguration(
    service: ClosureService(body), successTerminationBehavior: .gracefullyShutdownGroup,
    failureTerminationBehavior: .cancelGroup)
  try await ServiceGroup(
    configuration: ServiceGroupConfiguration(
      services: [service], gracefulShutdownSignals: [.sigint, .sigterm, .sighup],
      logger: Logger(label: "zweimaster") { _ in SwiftLogNoOpLogHandler() })
  ).run()
}
