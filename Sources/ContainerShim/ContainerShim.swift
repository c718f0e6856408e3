import Glibc
import Linux

/// Stands between the kubelet and one container, in a process of its own: starts bubblewrap, writes what the
/// container prints into its log, and reports its end. So a container can outlive its kubelet, and
/// one whose kubelet dies, however suddenly, ends by it.
///
/// It is a loop around `poll` on the process's only thread: bubblewrap ends its container when the *thread*
/// that started it is gone.
public enum ContainerShim {
  /// The word that makes an executable a shim, as its first argument.
  public static let command = "container-shim"

  /// The file in the container's directory that holds the last report of a shim that has ended.
  public static let endFile = "end"

  /// The file in the container's directory that names the shim, whose session all processes of the container are in
  /// until they make one of their own. It is there before bubblewrap is.
  public static let sessionFile = "session"

  /// What a shim writes into its ``sessionFile``.
  static var session: String? {
    ProcessStat(process: getpid()).map { "\(getpid()) \($0.startTicks) \(Self.boot)\n" }
  }

  /// Tells a boot of the machine from the next.
  public static var boot: String {
    let file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    let bytes = [UInt8](unsafeUninitializedCapacity: 36) { buffer, count in
      count = max(0, read(file, buffer.baseAddress, buffer.count))
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Kills what is left of a container whose shim is gone without a last word: it may have been killed before
  /// bubblewrap had asked to die with it.
  /// - Parameters:
  ///   - session: the content of ``sessionFile``.
  ///   - processes: all there are.
  public static func killRest(session: String, among processes: [pid_t]) {
    let words = session.split(whereSeparator: \.isWhitespace)
    guard words.count == 3, let shim = pid_t(words[0]), shim > 1, words[2] == Self.boot else {
      return
    }
    // A session's number is nobody else's while somebody is in it: its leader is the shim, or there is none.
    if let leader = ProcessStat(process: shim), String(leader.startTicks) != words[1] { return }
    for process in processes where ProcessStat(process: process)?.session == shim {
      kill(process, SIGKILL)
    }
  }

  /// The socket in the container's directory, as a path that is short enough for one.
  public static func socket(in directory: String) -> String { "\(directory)/s" }

  /// - Parameters:
  ///   - directory: the container's; it exists.
  ///   - log: the file that its output is appended to; its directory exists.
  ///   - command: bubblewrap's arguments; `--json-status-fd 3` is put before them.
  public static func arguments(
    directory: String, log: String, policy: ShimPolicy, bubblewrap: String, _ command: [String]
  ) -> [String] {
    [Self.command, "launch", directory, log, policy.rawValue, bubblewrap] + command
  }

  /// Runs as a shim and returns the process's exit code; `nil` when the arguments ask for none.
  /// - Parameter arguments: the process's own, from its name on.
  public static func run(_ arguments: [String]) -> Int32? {
    guard arguments.count > 6, arguments[1] == Self.command,
      let policy = ShimPolicy(rawValue: arguments[5])
    else { return nil }
    if arguments[2] == "launch" { return Self.launch(arguments) }
    guard
      let loop = ShimLoop(
        directory: arguments[3], log: arguments[4], policy: policy,
        command: [arguments[6], "--json-status-fd", "3", "--die-with-parent"]
          + arguments.dropFirst(7))
    else { return 1 }
    loop.run()
    return 0
  }

  /// Starts the shim itself, as nobody's child and in a session of its own, and leaves it alone.
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

/// Starts a process with the signals as they are at first. Returns its id.
/// - Parameter flags: of posix_spawn besides, such as `POSIX_SPAWN_SETSID` (0x80), which Swift does not import.
func spawn(
  _ path: String, _ arguments: [String], _ actions: posix_spawn_file_actions_t, flags: Int16
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
  var actions = actions
  guard posix_spawn(&process, path, &actions, &attributes, &words, environ) == 0 else { return nil }
  return process
}
