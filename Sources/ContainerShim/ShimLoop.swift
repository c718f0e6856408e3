import Glibc
import KubernetesObjects
import Linux

/// The shim's loop, from the container's start to its end.
struct ShimLoop {
  private let directory: String
  private let policy: ShimPolicy
  private let bubblewrap: pid_t
  private let bubblewrapPath: String
  private let listener: Int32
  private let log: RotatingLog
  private let status: Int32
  private let output: Int32
  private let errors: Int32

  /// Seconds within which the kubelet must connect after a start.
  private static let connectTimeout = 10

  /// Starts the container. `nil`, with a message on standard error, when that fails.
  init?(
    directory: String, log: String, policy: ShimPolicy, mounts: [StagedMount], command: [String]
  ) {
    signal(SIGPIPE, SIG_IGN)
    self.directory = directory
    self.policy = policy
    self.bubblewrapPath = command[0]
    guard let file = RotatingLog(log) else {
      Self.logError(log)
      return nil
    }
    self.log = file
    guard let listener = Self.listener(at: ContainerShim.socket(in: directory)) else {
      Self.logError(ContainerShim.socket(in: directory))
      return nil
    }
    self.listener = listener
    if let session = ContainerShim.session {
      Self.write(session, toFile: "\(directory)/\(ContainerShim.sessionFile)")
    }
    do throws(FileError) {
      try MountStage.prepare(mounts, in: directory)
    } catch {
      let report = ShimReport.failed("cannot prepare the volumes: \(error)")
      Self.write(report.line, toFile: "\(directory)/\(ContainerShim.endFile)")
      return nil
    }
    let pipes = (0..<3).map { _ in Self.pipe() }
    (self.status, self.output, self.errors) = (pipes[0].read, pipes[1].read, pipes[2].read)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, pipes[1].write, 1)
    posix_spawn_file_actions_adddup2(&actions, pipes[2].write, 2)
    posix_spawn_file_actions_adddup2(&actions, pipes[0].write, 3)
    posix_spawn_file_actions_addopen(
      &actions, ContainerShim.argumentsDescriptor,
      "\(directory)/\(ContainerShim.argumentsFile)", O_RDONLY, 0)
    guard let process = spawn(command[0], command, actions, flags: Int16(POSIX_SPAWN_SETPGROUP))
    else {
      Self.logError(command[0])
      return nil
    }
    // It has its descriptor, and what is in there is for nobody else.
    unlink("\(directory)/\(ContainerShim.argumentsFile)")
    self.bubblewrap = process
    for pipe in pipes { close(pipe.write) }
  }

  func run() {
    var log = self.log
    var out = ContainerLogLines(stream: "stdout")
    var err = ContainerLogLines(stream: "stderr")
    var firstWords: [UInt8] = []
    var status: [UInt8] = []
    var kubelet: Int32 = -1
    var orders: [UInt8] = []
    var reports = ""
    var container: pid_t?
    var hasStarted = false
    var hasEnded = false
    let begin = Self.seconds()
    var hasTimedOut = false
    var wasConnected = false

    func report(_ report: ShimReport) {
      reports += report.line
      if kubelet >= 0 { Self.write(Array(report.line.utf8), to: kubelet) }
    }
    // The container's process id is unknown until bubblewrap reports it: a signal waits until then.
    var pending: Int32?
    func end(_ signal: Int32) {
      if let container { kill(container, signal) } else { pending = signal }
    }

    var isBubblewrapGone = false
    var open = [self.status, self.output, self.errors]
    while !open.isEmpty {
      // Nothing reports when the command itself runs, so poll for it.
      let isStarting = container != nil && !hasStarted
      let fds = open + [self.listener] + (kubelet >= 0 ? [kubelet] : [])
      var polled = fds.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      let count = poll(&polled, nfds_t(polled.count), isStarting ? 1 : 1000)
      if let container, !hasStarted, Self.runsAnother(container, than: self.bubblewrapPath) {
        hasStarted = true
        report(.started(process: container))
      }
      // bubblewrap was killed: its child may wait for it for ever, or may not be tied to it yet.
      if !isBubblewrapGone, Self.hasEnded(self.bubblewrap) {
        isBubblewrapGone = true
        kill(-self.bubblewrap, SIGKILL)
      }
      if self.policy == .endsWithKubelet, !hasTimedOut, !wasConnected,
        Self.seconds() - begin > Self.connectTimeout
      {
        hasTimedOut = true
        end(SIGKILL)
      }
      guard count > 0 else { continue }
      for (fd, events) in zip(fds, polled.map(\.revents)) where events != 0 {
        if fd == self.listener {
          let client = accept(self.listener, nil, nil)
          guard client >= 0 else { continue }
          _ = fcntl(client, F_SETFD, FD_CLOEXEC)
          if kubelet >= 0 { close(kubelet) }
          kubelet = client
          wasConnected = true
          orders = []
          Self.write(Array(reports.utf8), to: kubelet)
          continue
        }
        let bytes = Self.read(fd)
        switch fd {
        case kubelet:
          if let bytes {
            orders += bytes
            for line in Self.lines(&orders) {
              switch ShimOrder(rawValue: line) {
              case .terminate: end(SIGTERM)
              case .kill: end(SIGKILL)
              case nil: break
              }
            }
          } else {
            close(kubelet)
            kubelet = -1
            if self.policy == .endsWithKubelet { end(SIGKILL) }
          }
        case self.status:
          status += bytes ?? []
          for line in Self.lines(&status) {
            guard container == nil else { continue }
            container = Self.number("child-pid", in: line)
            if let container, let pending { kill(container, pending) }
          }
          if bytes == nil { open.removeAll { $0 == fd } }
        case self.output:
          log.append(bytes.map { out.append($0, time: Self.now()) } ?? out.end(time: Self.now()))
          if bytes == nil { open.removeAll { $0 == fd } }
        default:
          if !hasStarted, firstWords.count < 4096 { firstWords += bytes ?? [] }
          log.append(bytes.map { err.append($0, time: Self.now()) } ?? err.end(time: Self.now()))
          if bytes == nil { open.removeAll { $0 == fd } }
        }
      }
      // The container's other processes end with it, unless one of them left its namespace with our pipes.
      hasEnded = !open.contains(self.status)
      if hasEnded, open.isEmpty { break }
    }
    var outcome: Int32 = 0
    while waitpid(self.bubblewrap, &outcome, 0) < 0, errno == EINTR {}
    let signal = outcome & 0x7f
    let code = signal == 0 ? (outcome >> 8) & 0xff : 128 + signal
    let words = String(decoding: firstWords, as: UTF8.self)
    let last: ShimReport
    if !hasStarted, code != 0, words.hasPrefix("bwrap: ") {
      last = .failed(words.split(separator: "\n").first.map(String.init) ?? words)
    } else {
      if !hasStarted { report(.started(process: container ?? self.bubblewrap)) }
      last = .exited(code: code)
    }
    Self.write(last.line, toFile: "\(self.directory)/\(ContainerShim.endFile)")
    report(last)
  }

  // MARK: - System calls

  /// Writes a file that appears complete.
  private static func write(_ text: String, toFile path: String) {
    let file = Glibc.open(path + "~", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    Self.write(Array(text.utf8), to: file)
    close(file)
    rename(path + "~", path)
  }

  private static func logError(_ what: String) {
    let line = "container-shim: \(what): \(String(cString: strerror(errno)))\n"
    Self.write(Array(line.utf8), to: 2)
  }

  private static func listener(at path: String) -> Int32? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8) + [0]
    guard bytes.count <= MemoryLayout.size(ofValue: address.sun_path) else {
      errno = ENAMETOOLONG
      return nil
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    _ = fcntl(fd, F_SETFD, FD_CLOEXEC)
    let isBound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
    return isBound && listen(fd, 4) == 0 ? fd : nil
  }

  private static func pipe() -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    Glibc.pipe(&ends)
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  /// `nil` at the end of the file.
  private static func read(_ fd: Int32) -> [UInt8]? {
    var count = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, initialized in
      repeat {
        count = Glibc.read(fd, buffer.baseAddress, buffer.count)
      } while count < 0
        && errno == EINTR
      initialized = max(0, count)
    }
    return count > 0 ? bytes : nil
  }

  static func write(_ bytes: [UInt8], to fd: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(fd, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  /// Removes the complete lines from a buffer.
  private static func lines(_ buffer: inout [UInt8]) -> [String] {
    var lines: [String] = []
    while let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
      lines.append(String(decoding: buffer[..<end], as: UTF8.self))
      buffer.removeSubrange(...end)
    }
    return lines
  }

  /// A number in a line of bubblewrap's status, which is a JSON object.
  private static func number(_ key: String, in line: String) -> Int32? {
    let words = line.split { !$0.isNumber && !$0.isLetter && $0 != "-" }
    guard let index = words.firstIndex(where: { $0 == key }), index + 1 < words.count else {
      return nil
    }
    return Int32(words[index + 1])
  }

  /// Whether a child has ended; it stays a zombie, so that its id is not reused.
  private static func hasEnded(_ child: pid_t) -> Bool {
    var info = siginfo_t()
    return waitid(P_PID, id_t(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0
      && info.si_signo == SIGCHLD
  }

  /// Whether a process runs another program than its parent did at the fork.
  private static func runsAnother(_ process: pid_t, than path: String) -> Bool {
    guard let program = SymbolicLink.target(of: "/proc/\(process)/exe") else { return false }
    return program != path
  }

  private static func now() -> String {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return KubernetesTime.nanoseconds(Int64(time.tv_sec), Int64(time.tv_nsec))
  }

  private static func seconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return time.tv_sec
  }
}
