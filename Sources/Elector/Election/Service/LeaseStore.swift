import EtcdClient

/// Where the lock key is kept, and beside it the record of its terms. An implementation never retries a
/// write, and answers every request within ``Timing/requestTimeout``.
public protocol LeaseStore: Sendable {
  /// Carries out one request.
  func perform(_ request: Election.Request.Kind) async -> Election.Answer
  /// Waits for a change of the key after an index of the store; ends when the task is cancelled.
  func nextChange(after index: UInt64) async throws -> KeyChange
}
