import ArgumentParser
import CommandLine
import TestCluster
import UnixSignals

/// A measurement of the programs as processes: figures from rounds, printed as tables. Its settings are its flags.
package protocol Benchmark: AsyncParsableCommand, Sendable {
  associatedtype Figures: Sendable

  /// What it takes, for the estimate of its time.
  var task: LongTask { get }

  /// - Parameter progress: is told of each part of the ``task`` that is done.
  func measure(_ progress: BenchmarkProgress) async throws -> Figures

  func report(_ figures: Figures) -> BenchmarkReport
}

extension Benchmark {
  package func run() async throws { _ = try await self.play() }

  /// Measures, prints the tables, and exits 1 on a broken rule or an error, 130 on ctrl-C or SIGTERM.
  func play() async throws -> Figures {
    let figures: Figures
    let progress = BenchmarkProgress()
    do {
      figures = try await progress.display.during(self.task) {
        try await untilSignal { try await self.measure(progress) }
      }
    } catch is CancellationError {
      progress.note("interrupted; all processes have ended")
      throw ExitCode(130)
    } catch let error as BenchmarkError {
      progress.note("\(error)")
      throw ExitCode.failure
    }
    let report = self.report(figures)
    print(report.text)
    if !report.problems.isEmpty { throw ExitCode.failure }
    return figures
  }

  /// Demands that each number is positive, and that the product of two of them is a number, too.
  func requirePositive(_ flags: KeyValuePairs<String, Int>) throws {
    for (flag, value) in flags where !(1...1_000_000).contains(value) {
      throw ValidationError("--\(flag) must be from 1 to 1000000, not \(value)")
    }
  }
}

/// Where the programs that are measured keep their files.
struct StateOptions: ParsableArguments {
  @Option(
    name: .customLong("state-dir"),
    help: "The directory for everything that the measured programs write.")
  var directory = ".zweimaster"
}

/// Runs the body; ctrl-C or SIGTERM cancels it and awaits its end.
/// - Throws: what the body throws, or `CancellationError` after a signal.
private func untilSignal<Result: Sendable>(
  _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
  let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
  return try await withThrowingTaskGroup(of: Result.self) { group in
    group.addTask {
      for await _ in signals { break }
      throw CancellationError()
    }
    group.addTask(operation: body)
    defer { group.cancelAll() }
    guard let result = try await group.next() else { throw CancellationError() }
    return result
  }
}

/// What a benchmark prints.
package struct BenchmarkReport: Equatable, Sendable {
  package var tables: [TextTable]
  /// What a reader has to know about the figures.
  package var notes: String
  /// Rules that the programs broke meanwhile.
  package var problems: [String] = []

  /// Tables in Markdown, as legible on a terminal, and the notes.
  package var text: String {
    (self.tables.map(\.markdown) + [self.notes, self.problems.joined(separator: "\n")])
      .filter { !$0.isEmpty }.joined(separator: "\n\n")
  }
}

/// The rounds of a measurement, one after the other.
package struct Rounds: Sendable {
  package let count: Int

  package init(_ count: Int) { self.count = count }

  /// - Parameter body: gets the number of the round, from 0 on.
  package func measure<Figure>(_ body: (_ round: Int) async throws -> Figure) async throws
    -> [Figure]
  {
    var figures: [Figure] = []
    for round in 0..<self.count {
      try Task.checkCancellation()
      figures.append(try await body(round))
    }
    return figures
  }

  /// How long the body takes in each round.
  package func time(_ body: (_ round: Int) async throws -> Void) async throws -> [Duration] {
    try await self.measure { round in
      let begin = ContinuousClock.now
      try await body(round)
      return ContinuousClock.now - begin
    }
  }
}

extension Collection {
  /// The order of a round: every other round is reversed, so that no subject always follows the same one.
  package func order(inRound round: Int) -> [Element] {
    round.isMultiple(of: 2) ? Array(self) : self.reversed()
  }
}

/// The columns of a table that show how long something takes.
package enum TimeColumns {
  package static let names = ["min", "median", "p95", "max"]

  package static func cells(_ durations: [Duration], _ unit: FigureUnit) -> [String] {
    let times = Distribution(durations)
    return [0, 0.5, 0.95, 1].map { fraction in
      times.map { unit.text($0.quantile(fraction)) } ?? "–"
    }
  }
}

/// Repeats a look until it finds what is awaited.
/// - Throws: ``BenchmarkError/timedOut(_:)``.
package func wait(
  for what: String, within limit: Duration, every pause: Duration = .milliseconds(20),
  until condition: () async throws -> Bool
) async throws {
  let end = ContinuousClock.now + limit
  while try await !condition() {
    guard ContinuousClock.now < end else { throw BenchmarkError.timedOut(what) }
    try await Task.sleep(for: pause)
  }
}
