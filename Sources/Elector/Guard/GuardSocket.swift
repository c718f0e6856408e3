import Glibc

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

  private init(descriptor: Descriptor) {
    self.descriptor = descriptor
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
