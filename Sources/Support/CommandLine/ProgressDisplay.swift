import Dispatch
import Synchronization

/// Shows how far a long task is, on standard error: results on standard output stay as they are.
///
/// A terminal gets a bar that is written again in place and cleared at the end; a file gets a line now and then.
package final class ProgressDisplay: Sendable {
  private struct State {
    var task: LongTask?
    var begin = ContinuousClock.now
    var pace: ProgressPace
    /// The bar that stands on the terminal.
    var shown = ""
  }

  private let name: String
  private let terminal = Terminal.errors
  private let rewrites: Bool
  private let state: Mutex<State>

  /// - Parameter name: of the program, before lines in a file.
  package init(_ name: String) {
    self.name = name
    self.rewrites = Terminal.errors.canRewrite
    self.state = Mutex(State(pace: ProgressPace(isTerminal: self.rewrites)))
  }

  /// Shows the task while the body runs.
  package func during<Value>(_ task: LongTask, _ body: () throws -> Value) rethrows -> Value {
    let timer = self.begin(task)
    defer { self.end(timer) }
    return try body()
  }

  /// Shows the task while the body runs.
  package func during<Value>(
    _ task: LongTask, isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> sending Value
  ) async rethrows -> sending Value {
    let timer = self.begin(task)
    defer { self.end(timer) }
    return try await body()
  }

  /// Changes the task that is shown; it is seen soon.
  package func update(_ change: (inout LongTask) -> Void) {
    self.state.withLock { state in
      guard var task = state.task else { return }
      change(&task)
      state.task = task
    }
  }

  /// Writes lines, above the bar if there is one.
  package func line(_ text: String, to output: Terminal) {
    self.state.withLock { state in
      self.clear(&state)
      output.write(text + "\n")
    }
  }

  private func begin(_ task: LongTask) -> any DispatchSourceTimer {
    self.state.withLock {
      $0 = State(task: task, pace: ProgressPace(isTerminal: self.rewrites))
    }
    // A thread beside the task: one that only computes gives none of its time away.
    let timer = DispatchSource.makeTimerSource(queue: .global())
    timer.setEventHandler { [self] in self.look() }
    timer.schedule(
      deadline: .now() + .milliseconds(100), repeating: .milliseconds(100),
      leeway: .milliseconds(10))
    timer.activate()
    return timer
  }

  private func end(_ timer: any DispatchSourceTimer) {
    timer.cancel()
    self.state.withLock { state in
      state.task = nil
      self.clear(&state)
    }
  }

  private func look() {
    self.state.withLock { state in
      let elapsed = ContinuousClock.now - state.begin
      guard let task = state.task, state.pace.isDue(after: elapsed) else { return }
      guard self.rewrites else {
        self.terminal.write("\(self.name): \(task.line(after: elapsed))\n")
        return
      }
      let bar = task.bar(after: elapsed, columns: self.terminal.columns)
      guard bar != state.shown else { return }
      self.terminal.write(Terminal.clearLine + bar)
      state.shown = bar
    }
  }

  private func clear(_ state: inout State) {
    if !state.shown.isEmpty { self.terminal.write(Terminal.clearLine) }
    state.shown = ""
  }
}
