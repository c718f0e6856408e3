import Synchronization

/// A value that several tasks look at and change.
package final class Guarded<Value: Sendable>: Sendable {
  private let mutex: Mutex<Value>

  package init(_ value: sending Value) {
    self.mutex = Mutex(value)
  }

  package var value: Value { self.mutex.withLock { $0 } }

  @discardableResult
  package func change<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
    self.mutex.withLock { body(&$0) }
  }
}
