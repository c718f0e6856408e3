import CLinux
import Glibc
import Synchronization

/// Wakes a thread that waits, by a descriptor. The wait is on the monotonic clock: setting the wall clock does
/// not move it.
///
/// While the thread is busy, neither side makes a system call: only a thread that sleeps has to be woken.
final class WakeUp: Sendable {
  /// A client that sends a request when it has the answer to the one before mostly does so within this time, and to
  /// sleep and be woken takes as long. It is spent once a wait, never by a thread that has nothing to do.
  private static let patience: Duration =
    sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1 ? .microseconds(60) : .zero

  /// What ``state`` can be.
  private enum State {
    static let busy = 0
    /// There was a signal since the last wait.
    static let signalled = 1
    /// A signal has to write the descriptor.
    static let asleep = 2
  }

  private let descriptor: Int32
  private let state = Atomic(State.busy)

  init() throws(StartError) {
    self.descriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
    guard self.descriptor >= 0 else {
      throw .unusable("eventfd", String(cString: strerror(errno)))
    }
  }

  deinit {
    close(self.descriptor)
  }

  func signal() {
    let before = self.state.exchange(State.signalled, ordering: .acquiringAndReleasing)
    guard before == State.asleep else { return }
    var one: UInt64 = 1
    _ = Glibc.write(self.descriptor, &one, 8)
  }

  /// Waits for a signal since the last wait.
  /// - Parameter nanoseconds: the longest time; `nil` for any. The monotonic clock stands still while the machine
  ///   is suspended, so no wait is longer than a minute.
  func wait(nanoseconds: Int64?) {
    let end = ContinuousClock.now + Self.patience
    while self.state.load(ordering: .relaxed) == State.busy, ContinuousClock.now < end {}
    let sleeps = self.state.compareExchange(
      expected: State.busy, desired: State.asleep, ordering: .acquiringAndReleasing
    ).exchanged
    if sleeps {
      var descriptor = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
      // In whole milliseconds, rounded up.
      let limit = max(0, min(nanoseconds ?? .max, 60_000_000_000)) + 999_999
      if poll(&descriptor, 1, Int32(limit / 1_000_000)) > 0 {
        var count: UInt64 = 0
        _ = Glibc.read(self.descriptor, &count, 8)
      }
    }
    // What was signalled before this is seen by who looks after it.
    self.state.store(State.busy, ordering: .sequentiallyConsistent)
  }
}
