import Glibc
import Linux

/// A process between the kubelet and one container: it starts bubblewrap, writes the container's output to
/// its log, and reports its end. So a container can outlive its kubelet, and a container whose kubelet is
/// killed can be stopped.
///
/// It is a `poll` loop on the process's only thread: bubblewrap ends its container when the *thread* that
/// started it ends.
package enum ContainerShim {
  /// The first argument that makes an executable a shim.
  package static let command = "container-shim"

  /// The file in the container's directory that holds the last report of a shim that has ended.
  package static let endFile = "end"

  /// The file in the container's directory that names the shim. All processes of the container are in the
  /// shim's session unless they create their own. It is written before bubblewrap starts.
  package static let sessionFile = "session"

  /// The file in the container's directory with bubblewrap's arguments, each with a NUL at its end. The shim
  /// removes it.
  static let argumentsFile = "args"

  /// Its descriptor in bubblewrap.
  static let argumentsDescriptor: Int32 = 4

  /// Writes bubblewrap's arguments for the shim.
  package static func write(_ arguments: [String], in directory: String) throws(FileError) {
    let path = "\(directory)/\(Self.argumentsFile)"
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw FileError("create", path) }
    defer { close(file) }
    let bytes = Array(arguments.map { Array($0.utf8) + [0] }.joined())
    // Without the last ones, the container would be less confined.
    guard Glibc.write(file, bytes, bytes.count) == bytes.count else {
      throw FileError("write", path)
    }
  }

  /// The content of ``sessionFile``.
  static var session: String? {
    ProcessStat(process: getpid()).map { "\(getpid()) \($0.startTicks) \(Self.boot)\n" }
  }

  /// Identifies the current boot of the machine.
  package static var boot: String {
    let file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    let bytes = [UInt8](unsafeUninitializedCapacity: 36) { buffer, count in
      count = max(0, read(file, buffer.baseAddress, buffer.count))
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Kills the rest of a container whose shim is gone without an end file: the shim may have been killed
  /// before bubblewrap had tied itself to it.
  /// - Parameters:
  ///   - session: the content of ``sessionFile``.
  ///   - processes: lists all processes of the machine.
  package static func killRest(session: String, among processes: () -> [pid_t]) {
    let words = session.split(whereSeparator: \.isWhitespace)
    guard words.count == 3, let shim = pid_t(words[0]), shim > 1, words[2] == Self.boot else {
      return
    }
    // A session's number is not reused while a process is in it: its leader is the shim or is gone.
    if let leader = ProcessStat(process: shim), String(leader.startTicks) != words[1] { return }
    var killed: Set<pid_t> = []
    var count = -1
    // One that is killed may have made another one since it was listed.
    while killed.count > count {
      count = killed.count
      for process in processes() where ProcessStat(process: process)?.session == shim {
        kill(process, SIGKILL)
        killed.insert(process)
      }
    }
  }

  /// The socket in the container's directory; the name is short since a socket's path is limited.
  package static func socket(in directory: String) -> String { "\(directory)/s" }

  /// - Parameters:
  ///   - directory: the container's directory, which exists.
  ///   - log: the log file, whose directory exists.
  ///   - mounts: are put together before bubblewrap starts.
  ///   - command: the container's command. bubblewrap's other arguments are those of ``write(_:in:)``.
  package static func arguments(
    directory: String, log: String, policy: ShimPolicy, mounts: [StagedMount], bubblewrap: String,
    _ command: [String]
  ) -> [String] {
    let mounts = StagedMount.text(of: mounts)
    return [Self.command, "launch", directory, log, policy.rawValue, mounts, bubblewrap] + command
  }

  /// Runs as a shim, or a command in a container, if the arguments say so.
  /// - Parameter arguments: the process's own, including its name.
  /// - Returns: the process's exit code; `nil` when the arguments are not a shim's.
  package static func run(_ arguments: [String]) -> Int32? {
    if let code = ContainerExec.run(arguments) { return code }
    guard arguments.count > 7, arguments[1] == Self.command,
      let policy = ShimPolicy(rawValue: arguments[5]),
      let mounts = StagedMount.mounts(arguments[6])
    else { return nil }
    if arguments[2] == "launch" { return Self.launch(arguments) }
    guard
      let loop = ShimLoop(
        directory: arguments[3], log: arguments[4], policy: policy, mounts: mounts,
        command: [
          arguments[7], "--json-status-fd", "3", "--die-with-parent", "--args",
          "\(Self.argumentsDescriptor)", "--",
        ] + arguments.dropFirst(8))
    else { return 1 }
    loop.run()
    return 0
  }

  /// Starts the shim itself, detached and in its own session.
  private static func launch(_ arguments: [String]) -> Int32 {
    var words = arguments
    words[2] = "run"
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(
      &actions, 2, "\(arguments[3])/shim.log", O_WRONLY | O_CREAT | O_APPEND, 0o600)
    return spawn("/proc/self/exe", words, actions, flags: 0x80) == nil ? 1 : 0
  }
}

/// Starts a process with default signal handling and returns its id.
/// - Parameters:
///   - path: of the program; `nil` to look for the first argument in PATH.
///   - flags: more flags for posix_spawn, such as `POSIX_SPAWN_SETSID` (0x80), which Swift does not import.
func spawn(
  _ path: String?, _ arguments: [String], _ actions: posix_spawn_file_actions_t?, flags: Int16
) -> pid_t? {
  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  var none = sigset_t()
  sigemptyset(&none)
  posix_spawnattr_setsigmask(&attributes, &none)
  var all = sigset_t()
  sigfillset(&all)
  posix_spawnattr_setsigdefault(&attributes, &all)
  posix_spawnattr_setflags(
    &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) | flags)
  var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
  words.append(nil)
  defer { for word in words { free(word) } }
  var process: pid_t = 0
  var given = actions ?? posix_spawn_file_actions_t()
  if actions == nil { posix_spawn_file_actions_init(&given) }
  defer { if actions == nil { posix_spawn_file_actions_destroy(&given) } }
  let error =
    if let path {
      posix_spawn(&process, path, &given, &attributes, &words, environ)
    } else {
      posix_spawnp(&process, arguments[0], &given, &attributes, &words, environ)
    }
  errno = error
  return error == 0 ? process : nil
}
