import Synchronization
import Testing

extension Trait where Self == TakesTurns {
  /// For suites with processes, sockets or time limits, see ``TakesTurns``.
  package static var takesTurns: Self { Self() }
}

/// A dozen test cases run at once, the others wait. Swift Testing begins all tests together: a thousand tests then share
/// two processors, and what a server has to do within five seconds waits for half a minute.
package struct TakesTurns: SuiteTrait, TestTrait, TestScoping {
  private static let turns = Turns(count: 12)

  package var isRecursive: Bool { true }

  package func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    guard testCase != nil else { return try await function() }
    await Self.turns.take()
    defer { Self.turns.giveBack() }
    try await function()
  }
}

private final class Turns: Sendable {
  private struct State {
    var free: Int
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state: Mutex<State>

  init(count: Int) { self.state = Mutex(State(free: count)) }

  func take() async {
    await withCheckedContinuation { continuation in
      let isFree = self.state.withLock { state in
        guard state.free == 0 else {
          state.free -= 1
          return true
        }
        state.waiting.append(continuation)
        return false
      }
      if isFree { continuation.resume() }
    }
  }

  func giveBack() {
    let next = self.state.withLock { state in
      guard !state.waiting.isEmpty else {
        state.free += 1
        return CheckedContinuation<Void, Never>?.none
      }
      return state.waiting.removeFirst()
    }
    next?.resume()
  }
}
