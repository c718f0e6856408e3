import Synchronization

/// A value behind a lock, for several tasks that read and change it.
package final class LockedValue<Value: Sendable>: Sendable {
  private let mutex: Mutex<Value>

  package init(_ value: sending Value) {
    self.mutex = Mutex(value)
  }

  /// A copy.
  package var value: Value { self.mutex.withLock { $0 } }

  @discardableResult
  package func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
    self.mutex.withLock { body(&$0) }
  }
}
