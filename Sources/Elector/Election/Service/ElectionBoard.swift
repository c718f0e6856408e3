import Synchronization

/// Shows a running election to other tasks, and passes operators' requests on to it.
public final class ElectionBoard: Sendable {
  public let key: String
  private let status: Mutex<ElectionStatus>
  private let start: ContinuousClock.Instant
  private let inbox: AsyncStream<Election.Event>.Continuation

  init(
    key: String, election: Election, start: ContinuousClock.Instant,
    inbox: AsyncStream<Election.Event>.Continuation
  ) {
    self.key = key
    self.status = Mutex(ElectionStatus(key: key, election: election))
    self.start = start
    self.inbox = inbox
  }

  /// The status, and the present instant on the election's clock.
  public func look() -> (status: ElectionStatus, now: Instant) {
    (self.status.withLock { $0 }, Instant(self.start.duration(to: .now)))
  }

  func update(_ change: (inout ElectionStatus) -> Void) { self.status.withLock { change(&$0) } }

  /// Leaves the lock to others for this time, or with `nil` until ``resume()``.
  public func stepDown(for duration: Duration?) { self.inbox.yield(.stepDown(for: duration)) }
  public func resume() { self.inbox.yield(.resume) }
}
