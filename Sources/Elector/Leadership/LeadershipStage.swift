import Synchronization

/// The destination of a ``Leadership``: bodies that run while it is installed.
///
/// A removal cancels them, which takes no time. The election then waits for their end, like for a pod's.
final class LeadershipStage: ElectionDestination {
  typealias Change = Leadership.Change

  struct State {
    fileprivate struct Body {
      var end: AsyncStream<Never>.Continuation
      var isCancelled = false
    }

    fileprivate var change = Change.following(leader: nil)
    fileprivate var hasEnded = false
    fileprivate var bodies: [Int: Body] = [:]
    fileprivate var listeners: [Int: AsyncStream<Change>.Continuation] = [:]
    /// Woken by each change.
    fileprivate var waiters: [Int: AsyncStream<Void>.Continuation] = [:]
    fileprivate var lastID = 0

    fileprivate mutating func newID() -> Int {
      self.lastID += 1
      return self.lastID
    }

    /// Admits a body, unless one of an earlier term still runs.
    /// - Parameter end: finished when the body has to end.
    mutating func admit(_ end: AsyncStream<Never>.Continuation) -> (id: Int, term: UInt64)? {
      guard case .leading(let term) = self.change,
        !self.bodies.values.contains(where: \.isCancelled)
      else { return nil }
      let id = self.newID()
      self.bodies[id] = Body(end: end)
      return (id, term)
    }

    fileprivate mutating func become(_ change: Change) {
      guard change != self.change else { return }
      self.change = change
      for listener in self.listeners.values { listener.yield(change) }
      self.wake()
    }

    fileprivate func wake() { for waiter in self.waiters.values { waiter.yield() } }
  }

  private let state = Mutex(State())

  // MARK: For the election

  var tellsOfEnd: Bool { true }

  func install(term: UInt64, before end: ContinuousClock.Instant) async -> ElectionInstallation {
    self.state.withLock { state in
      guard ContinuousClock.now < end else { return .tooLate }
      state.become(.leading(term: term))
      return .installed
    }
  }

  func remove() async {
    self.state.withLock { state in
      guard case .leading = state.change else { return }
      for id in state.bodies.keys {
        state.bodies[id]?.isCancelled = true
        state.bodies[id]?.end.finish()
      }
      state.become(.following(leader: nil))
    }
  }

  func awaitEnd(isYoung: Bool) async -> ElectionEnd {
    await self.next { state in
      state.bodies.values.contains(where: \.isCancelled) ? nil : ElectionEnd.ended
    } ?? .unproven
  }

  func follows(_ leader: String) {
    self.state.withLock { state in
      guard case .following = state.change else { return }
      state.become(.following(leader: leader))
    }
  }

  /// The election has ended.
  func end() {
    let (listeners, waiters) = self.state.withLock { state in
      state.hasEnded = true
      return (state.listeners, state.waiters)
    }
    // After unlocking, because their termination handlers take the lock.
    for listener in listeners.values { listener.finish() }
    for waiter in waiters.values { waiter.finish() }
  }

  // MARK: For bodies

  func leave(_ id: Int) {
    self.state.withLock { state in
      state.bodies[id] = nil
      state.wake()
    }
  }

  func isCancelled(_ id: Int) -> Bool {
    self.state.withLock { $0.bodies[id]?.isCancelled == true }
  }

  var changes: AsyncStream<Change> {
    let (changes, listener) = AsyncStream.makeStream(
      of: Change.self, bufferingPolicy: .bufferingNewest(64))
    let (id, hasEnded) = self.state.withLock { state in
      let id = state.newID()
      listener.yield(state.change)
      if !state.hasEnded { state.listeners[id] = listener }
      return (id, state.hasEnded)
    }
    listener.onTermination = { [weak self] _ in
      _ = self?.state.withLock { $0.listeners.removeValue(forKey: id) }
    }
    if hasEnded { listener.finish() }
    return changes
  }

  /// Waits until `value` is not `nil`.
  /// - Returns: `nil` when the task is cancelled, and after the election's end.
  func next<Value: Sendable>(_ value: (inout State) -> sending Value?) async -> Value? {
    let (wakes, waiter) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let id = self.state.withLock { state in
      let id = state.newID()
      waiter.yield()
      if !state.hasEnded { state.waiters[id] = waiter }
      return state.hasEnded ? nil : id
    }
    guard let id else { return nil }
    defer { _ = self.state.withLock { $0.waiters.removeValue(forKey: id) } }
    for await _ in wakes {
      if let found = self.state.withLock({ value(&$0) }) { return found }
    }
    return nil
  }
}
