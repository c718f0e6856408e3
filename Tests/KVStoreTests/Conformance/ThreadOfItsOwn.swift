import Foundation

/// Runs what blocks, so that it holds up no other test.
func onThreadOfItsOwn<Result: Sendable>(
  _ body: @escaping @Sendable () throws -> Result
) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    let thread = Thread { continuation.resume(with: Swift.Result { try body() }) }
    // A recursion on long documents needs more than a secondary thread has.
    thread.stackSize = 8 << 20
    thread.start()
  }
}
