import CLinux
import Glibc

/// Wakes a thread that waits, by a descriptor. The wait is on the monotonic clock: setting the wall clock does
/// not move it.
final class WakeUp: Sendable {
  private let descriptor: Int32

  init() throws(StartError) {
    self.descriptor = eventfd(0, Int32(EFD_CLOEXEC))
    guard self.descriptor >= 0 else {
      throw .unusable("eventfd", String(cString: strerror(errno)))
    }
  }

  deinit {
    close(self.descriptor)
  }

  func signal() {
    var one: UInt64 = 1
    _ = Glibc.write(self.descriptor, &one, 8)
  }

  /// Waits for a signal since the last wait.
  /// - Parameter nanoseconds: the longest time; `nil` for any. The monotonic clock stands still while the machine
  ///   is suspended, so no wait is longer than a minute.
  func wait(nanoseconds: Int64?) {
    var descriptor = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
    // In whole milliseconds, rounded up.
    let limit = max(0, min(nanoseconds ?? .max, 60_000_000_000)) + 999_999
    guard poll(&descriptor, 1, Int32(limit / 1_000_000)) > 0 else { return }
    var count: UInt64 = 0
    _ = Glibc.read(self.descriptor, &count, 8)
  }
}
