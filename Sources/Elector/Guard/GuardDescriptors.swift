import CLinux
import Glibc

/// Signals as something that `poll` can wait for. They are blocked from here on, so the process must have no
/// other thread: that one would still get them. Source: signalfd(2).
struct SignalDescriptor {
  private let number: Int32

  init(_ signals: [Int32]) {
    var set = sigset_t()
    sigemptyset(&set)
    for number in signals {
      // One that we were started to ignore would not come.
      signal(number, SIG_DFL)
      sigaddset(&set, number)
    }
    sigprocmask(SIG_BLOCK, &set, nil)
    self.number = signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
    precondition(self.number >= 0, "the kernel has no descriptor for signals")
  }

  var pollfd: pollfd { Glibc.pollfd(fd: self.number, events: Int16(POLLIN), revents: 0) }

  /// The signals that have come, each once, in the order of their numbers.
  func take() -> [Int32] {
    var numbers: Set<Int32> = []
    var signal = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    while read(self.number, &signal, size) == size { numbers.insert(Int32(signal.ssi_signo)) }
    return numbers.sorted()
  }
}

/// An alarm as something that `poll` can wait for. It rings also when the machine was suspended at its instant,
/// as soon as it wakes up. Source: timerfd_create(2), `CLOCK_BOOTTIME`.
struct BootTimer {
  private let number: Int32

  init() {
    self.number = timerfd_create(CLOCK_BOOTTIME, Int32(TFD_CLOEXEC) | Int32(TFD_NONBLOCK))
    precondition(self.number >= 0, "the kernel has no timer for CLOCK_BOOTTIME")
  }

  var pollfd: pollfd { Glibc.pollfd(fd: self.number, events: Int16(POLLIN), revents: 0) }

  /// - Parameter instant: `nil` for never. One that has passed rings at once.
  func set(to instant: BootInstant?) {
    var setting = itimerspec()
    // Zero would be never.
    if let instant { setting.it_value = max(instant, BootInstant(nanoseconds: 1)).timespec }
    timerfd_settime(self.number, Int32(TFD_TIMER_ABSTIME), &setting, nil)
  }

  /// Whether it has rung since this was asked last.
  func take() -> Bool {
    var count: UInt64 = 0
    return read(self.number, &count, MemoryLayout.size(ofValue: count)) > 0
  }
}

/// The guard's end of the connection with the elector; closed with the last copy.
struct GuardSocket {
  private final class Descriptor {
    let number: Int32
    init(_ number: Int32) { self.number = number }
    deinit { close(self.number) }
  }

  private let descriptor: Descriptor
  private var frames = GuardFrames()

  /// - Returns: ours, and the number of theirs, which a child inherits.
  static func pair() throws(GuardStartError) -> (GuardSocket, Int32) {
    var numbers: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &numbers) == 0 else {
      throw GuardStartError(action: "make a socket pair", errno: errno)
    }
    _ = fcntl(numbers[0], F_SETFD, FD_CLOEXEC)
    return (GuardSocket(descriptor: Descriptor(numbers[0])), numbers[1])
  }

  var pollfd: pollfd {
    Glibc.pollfd(fd: self.descriptor.number, events: Int16(POLLIN), revents: 0)
  }

  /// Whether the other side has not closed its end, nor ended. Source: unix(7), poll(2) `POLLHUP`.
  var isOpen: Bool {
    var descriptor = self.pollfd
    return poll(&descriptor, 1, 0) >= 0 && descriptor.revents & Int16(POLLHUP | POLLERR) == 0
  }

  /// What has come so far.
  mutating func receive() throws(GuardProtocolError) -> [GuardRequest] {
    var requests: [GuardRequest] = []
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = recv(self.descriptor.number, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      if count < 0, errno == EINTR { continue }
      // An end is noticed by `isOpen`.
      guard count > 0 else { return requests }
      self.frames.append(buffer[..<count])
      while let message = try self.frames.next() { requests.append(try GuardRequest(message)) }
    }
  }

  /// It never waits: an elector that does not read does not live for much longer.
  func send(_ answer: GuardAnswer) {
    let bytes = answer.bytes
    _ = Glibc.send(
      self.descriptor.number, bytes, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
  }
}
