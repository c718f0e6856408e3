import Glibc
import Logging

/// Carries out what ``Guard`` says, in a process of its own: it starts the elector as its child, and owns
/// the manifests, the clock and the signals.
///
/// One thread that waits in one `poll`, and no library that starts another one. To be the first process
/// of a container it collects the children of others, too.
public struct GuardProcess {
  private var core: Guard
  private let places: [ManifestPath]
  private let command: [String]
  let logger: Logger
  private let timer: BootTimer
  private var elector: Elector?
  private var results: [Guard.Event] = []
  private var exitCode: Int32?

  private struct Elector {
    let pid: pid_t
    var socket: GuardSocket?
  }

  /// - Parameters:
  ///   - destinations: the manifests' places.
  ///   - command: the command line of the elector, the program's name first; the descriptor of its
  ///     socket takes the place of ``descriptorMark`` in it. The program is this one.
  public init(destinations: [String], command: [String], logger: Logger) {
    self.core = Guard(manifests: destinations.count, at: .now)
    self.places = destinations.map { ManifestPath($0) }
    self.command = command
    self.logger = logger
    self.timer = BootTimer()
  }

  /// What stands in the command line for the number of the elector's descriptor.
  public static let descriptorMark = "{guard}"

  /// - Returns: the exit code, when there is nothing left to guard.
  public mutating func run() -> Int32 {
    SignalInbox.listen(to: [SIGCHLD, SIGALRM] + Self.forwarded)
    // A reader of our log who goes away is no reason to leave.
    signal(SIGPIPE, SIG_IGN)
    var events: [Guard.Event] = [.woke]
    while true {
      while !events.isEmpty {
        let event = events.removeFirst()
        for effect in self.core.handle(event, at: .now) {
          self.logger.trace("effect", metadata: ["effect": "\(effect)", "event": "\(event)"])
          self.carryOut(effect)
        }
        if let exitCode { return exitCode }
        events = self.results + events
        self.results = []
      }
      events = self.next()
    }
  }

  private static let forwarded = [SIGTERM, SIGINT, SIGHUP]

  private mutating func carryOut(_ effect: Guard.Effect) {
    switch effect {
    case .startElector: self.start()
    case .install(let request): self.install(request)
    case .remove(let index, let removal, let request):
      let result: Guard.RemovalResult
      do throws(ManifestError) {
        let place = self.places[index]
        let wasThere = try removal == .own ? place.removeOwn() : place.remove()
        result = .absent(wasThere: wasThere)
      } catch {
        result = .failed(reason: error.description)
      }
      self.results.append(.removed(manifest: index, request: request, result))
    case .answer(let answer): self.elector?.socket?.send(answer)
    case .signalElector(let number): if let elector { kill(elector.pid, number) }
    case .killElector: if let elector { kill(elector.pid, SIGKILL) }
    case .wake(let instant): self.timer.set(to: instant)
    case .report(let report): self.log(report)
    case .finish(let code): self.exitCode = code
    }
  }

  private mutating func install(_ request: GuardRequest) {
    guard case .install(let until, let content) = request.kind else { return }
    var result: GuardAnswer.Result
    do throws(ManifestError) {
      let socket = self.elector?.socket
      let isInstalled = try self.places[Int(request.manifest)].install(content) {
        // We may have been stopped since it was read: then the elector may be gone.
        BootInstant.now < until && socket?.isOpen == true
      }
      result = isInstalled ? .done : .tooLate
    } catch {
      result = .failed(reason: error.description, isUntouched: error.leavesDestination)
    }
    self.results.append(.installed(request, result))
  }

  func destination(_ index: Int) -> String { self.places[index].path }

  // MARK: Facts

  /// Waits for something to happen. What became of the elector comes before what it still has to say.
  private mutating func next() -> [Guard.Event] {
    while true {
      var descriptors = [SignalInbox.pollfd] + (self.elector?.socket.map { [$0.pollfd] } ?? [])
      guard poll(&descriptors, nfds_t(descriptors.count), -1) > 0 else { continue }
      var events: [Guard.Event] = []
      for number in SignalInbox.take() {
        switch number {
        case SIGCHLD: events += self.reap()
        case SIGALRM: events.append(.woke)
        default: events.append(.signal(number))
        }
      }
      if let socket = self.elector?.socket { events += self.hear(socket) }
      if !events.isEmpty { return events }
    }
  }

  private mutating func hear(_ socket: GuardSocket) -> [Guard.Event] {
    // What was sent before it hung up is not even read.
    guard socket.isOpen else {
      self.elector?.socket = nil
      return [.hungUp]
    }
    do throws(GuardProtocolError) {
      return try self.elector?.socket?.receive().map { .requested($0) } ?? []
    } catch {
      self.elector?.socket = nil
      return [.spokeNonsense(error)]
    }
  }

  /// Collects all children that have ended; with process number 1 they need not be ours.
  private mutating func reap() -> [Guard.Event] {
    var events: [Guard.Event] = []
    while true {
      var status: Int32 = 0
      let pid = waitpid(-1, &status, WNOHANG)
      guard pid > 0 else { return events }
      guard pid == self.elector?.pid else { continue }
      self.elector = nil
      let signal = status & 0x7F
      events.append(.electorEnded(signal == 0 ? .code(status >> 8 & 0xFF) : .signal(signal)))
    }
  }

  // MARK: The elector

  private mutating func start() {
    do throws(GuardStartError) {
      let (ours, theirs) = try GuardSocket.pair()
      defer { close(theirs) }
      let command = self.command.map { $0.replacing(Self.descriptorMark, with: "\(theirs)") }
      self.elector = Elector(pid: try Self.spawn(command), socket: ours)
    } catch {
      self.results.append(.notStarted(reason: error.description))
    }
  }

  /// Starts this very program again, even if its file has been replaced meanwhile.
  private static func spawn(_ command: [String]) throws(GuardStartError) -> pid_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // An ignored signal would stay ignored.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
    var arguments = command.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var pid = pid_t()
    let failure = posix_spawn(&pid, "/proc/self/exe", nil, &attributes, &arguments, environ)
    guard failure == 0 else {
      throw GuardStartError(action: "start /proc/self/exe", errno: failure)
    }
    return pid
  }
}

/// Why the elector could not be started.
struct GuardStartError: Error, CustomStringConvertible {
  var action: String
  var errno: Int32

  var description: String { "cannot \(self.action): \(String(cString: strerror(self.errno)))" }
}

/// The guard's end of the connection with the elector; closed with the last copy.
private struct GuardSocket {
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

/// Turns signals into bytes that `poll` can wait for.
private enum SignalInbox {
  /// Where the handler writes to, and where the bytes come out.
  private static let ends: (read: Int32, write: Int32) = {
    var numbers: [Int32] = [-1, -1]
    let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
    let failure = socketpair(AF_UNIX, Int32(type), 0, &numbers)
    precondition(failure == 0, "there are no descriptors left")
    return (numbers[0], numbers[1])
  }()

  /// A child gets them back as they were by default. Source: execve(2).
  static func listen(to signals: [Int32]) {
    _ = self.ends
    for number in signals {
      signal(number) { number in
        // All that a handler may do. Source: signal-safety(7).
        let reason = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(SignalInbox.ends.write, &byte, 1)
        errno = reason
      }
    }
  }

  static var pollfd: pollfd {
    Glibc.pollfd(fd: self.ends.read, events: Int16(POLLIN), revents: 0)
  }

  /// The signals that have come, each once.
  static func take() -> [Int32] {
    var numbers: [Int32] = []
    var byte: UInt8 = 0
    while read(self.ends.read, &byte, 1) == 1 {
      if !numbers.contains(Int32(byte)) { numbers.append(Int32(byte)) }
    }
    return numbers
  }
}

/// Sends us `SIGALRM` at an instant; also when the machine was suspended at it, as soon as it wakes up.
/// Source: timer_create(2), `CLOCK_BOOTTIME`.
private struct BootTimer {
  private let timer: timer_t?

  init() {
    var event = sigevent()
    event.sigev_notify = Int32(SIGEV_SIGNAL)
    event.sigev_signo = SIGALRM
    var timer: timer_t?
    let failure = timer_create(CLOCK_BOOTTIME, &event, &timer)
    precondition(failure == 0, "the kernel has no timer for CLOCK_BOOTTIME")
    self.timer = timer
  }

  /// - Parameter instant: `nil` for never. One that has passed rings at once.
  func set(to instant: BootInstant?) {
    var setting = itimerspec()
    // Zero would be never.
    if let instant { setting.it_value = max(instant, BootInstant(nanoseconds: 1)).timespec }
    timer_settime(self.timer, Int32(TIMER_ABSTIME), &setting, nil)
  }
}
