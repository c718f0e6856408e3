import Foundation

/// Runs what blocks or computes for long. All tests share as many threads as there are processors: a second of work on
/// one of them is a second in which others meet their time limits.
package func onThreadOfItsOwn<Result: Sendable>(
  _ body: @escaping @Sendable () throws -> Result
) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    let thread = Thread { continuation.resume(with: Swift.Result { try body() }) }
    // A recursion on long documents needs more than a secondary thread has.
    thread.stackSize = 8 << 20
    thread.start()
  }
}
