import CLinux
import Glibc
import Linux

/// Runs a command in a running container, for hooks and probes: `nsenter`, but with no more capabilities than the
/// container itself has.
package enum ContainerExec {
  /// The first argument that makes an executable run one.
  package static let command = "container-exec"

  /// - Parameters:
  ///   - process: the container's first one.
  ///   - capabilities: as bits, by their numbers.
  package static func arguments(
    in process: pid_t, capabilities: UInt64, _ words: [String]
  ) -> [String] {
    [Self.command, "\(process)", "\(capabilities)"] + words
  }

  /// Runs the command, if the arguments say so.
  /// - Parameter arguments: the process's own, including its name.
  /// - Returns: the command's exit code; `nil` for other arguments.
  static func run(_ arguments: [String]) -> Int32? {
    guard arguments.count > 4, arguments[1] == Self.command, let process = pid_t(arguments[2]),
      let capabilities = UInt64(arguments[3])
    else { return nil }
    guard Self.enter(process) else { return Self.fail("cannot enter the container") }
    guard clinux_limit_capabilities(capabilities) == 0 else {
      return Self.fail("cannot drop capabilities")
    }
    // A process enters a namespace of processes by its children only.
    guard let child = spawn(nil, Array(arguments.dropFirst(4)), nil, flags: 0) else {
      return Self.fail(arguments[4])
    }
    var outcome: Int32 = 0
    while waitpid(child, &outcome, 0) < 0, errno == EINTR {}
    let signal = outcome & 0x7f
    return signal == 0 ? (outcome >> 8) & 0xff : 128 + signal
  }

  private static func enter(_ process: pid_t) -> Bool {
    // All are opened first: in the container's namespaces, other processes have these numbers.
    let places = ["root", "cwd"].map {
      open("/proc/\(process)/\($0)", HeldDirectory.pathOnly | O_CLOEXEC)
    }
    let spaces = ["ipc", "uts", "pid", "mnt"].map {
      open("/proc/\(process)/ns/\($0)", O_RDONLY | O_CLOEXEC)
    }
    guard (places + spaces).allSatisfy({ $0 >= 0 }) else { return false }
    defer { for file in places + spaces { close(file) } }
    return spaces.allSatisfy { clinux_setns($0) == 0 } && fchdir(places[0]) == 0
      && chroot(".") == 0 && fchdir(places[1]) == 0
  }

  /// As of a shell whose command is missing.
  private static func fail(_ what: String) -> Int32 {
    ShimLoop.write(Array("exec: \(what): \(String(cString: strerror(errno)))\n".utf8), to: 2)
    return 127
  }
}
