import CommandLine

/// What a benchmark says while it measures, on standard error: lines, and how far it is.
package struct BenchmarkProgress: Sendable {
  let display = ProgressDisplay(BenchmarkProgress.program)

  private static let program = "zweimaster-bench"

  package init() {}

  /// Prints a line.
  func note(_ text: String) { self.display.line("\(Self.program): \(text)", to: .errors) }

  /// One more part of the ``Benchmark/task`` is done.
  func advance() { self.display.update { $0.done += 1 } }
}
