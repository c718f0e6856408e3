import Glibc

/// A descriptor that may be a terminal: what is written, and how wide it is.
package struct Terminal: Sendable {
  package static let output = Terminal(STDOUT_FILENO)
  package static let errors = Terminal(STDERR_FILENO)

  /// Moves to the line's begin, and clears it.
  package static let clearLine = "\r\u{1B}[K"

  let descriptor: Int32
  package let isTerminal: Bool

  private init(_ descriptor: Int32) {
    self.descriptor = descriptor
    self.isTerminal = isatty(descriptor) == 1
  }

  /// Whether a line on it can be written again: TERM=dumb, or none, is a terminal that cannot.
  package var canRewrite: Bool {
    guard self.isTerminal, let kind = getenv("TERM").map({ String(cString: $0) }) else {
      return false
    }
    return kind != "dumb" && !kind.isEmpty
  }

  /// As the terminal says; else as COLUMNS says; else 80.
  package var columns: Int {
    var size = winsize()
    if ioctl(self.descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 {
      return Int(size.ws_col)
    }
    return getenv("COLUMNS").flatMap { Int(String(cString: $0)) }.flatMap { $0 > 0 ? $0 : nil }
      ?? 80
  }

  package func write(_ text: String) { self.write(Array(text.utf8)) }

  /// Writes all of it, unless the reader has gone.
  package func write(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.write(self.descriptor, $0.baseAddress, $0.count)
      }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}
