import KubernetesObjects

/// What a container may do to the machine, as a value: its capabilities, and which of the kernel's files it can
/// read and write.
///
/// Source: containerd's `oci.WithDefaultUnixCaps`, `pkg/cri/opts` for a manifest's wishes, and runc's
/// `maskedPaths` and `readonlyPaths`.
struct ContainerPrivileges: Equatable {
  /// All of the machine's devices and capabilities, and the kernel's files as the machine has them.
  var isPrivileged = false
  /// Names without `CAP_`, or `ALL`.
  var added: [String] = []
  var dropped: [String] = []

  /// The capabilities of a container that asks for none.
  static let usual: Set<String> = [
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
    "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
  ]

  /// What tells of the machine and is nobody's business.
  private static let hidden = [
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
    "/sys/devices/virtual/powercap", "/sys/firmware", "/sys/kernel/debug", "/sys/kernel/tracing",
  ]

  /// What changes the machine when it is written. bubblewrap covers only what seems to be writable, which
  /// `/proc/sys` does not.
  private static let readOnly = [
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
  ]

  /// The paths for ``arguments(of:)``.
  static var kernelFiles: [String] { Self.hidden + Self.readOnly }

  /// Those of a manifest's container.
  init(_ container: JSONValue) {
    let context = container["securityContext"]
    func names(_ field: String) -> [String] {
      (context?["capabilities"]?[field]?.elements ?? []).compactMap(\.string).map {
        $0.uppercased()
      }
    }
    self.isPrivileged = context?["privileged"]?.boolean == true
    self.added = names("add")
    self.dropped = names("drop")
  }

  init() {}

  /// The names of all capabilities by their numbers. Source: `linux/capability.h`.
  static let names = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
    "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
    "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
    "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
    "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
    "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
  ]

  /// Whether the container starts with all of them. A privileged one gets all, whatever else it asks for.
  private var startsWithAll: Bool {
    self.isPrivileged || self.added.contains("ALL") && !self.dropped.contains("ALL")
  }

  /// What is taken away, from all or from the usual ones.
  private var lost: Set<String> {
    self.isPrivileged ? [] : Set(self.dropped).subtracting(["ALL"])
  }

  /// What it gets if it does not start with all.
  private var granted: Set<String> {
    let usual = self.dropped.contains("ALL") ? [] : Self.usual
    return usual.union(self.added).subtracting(self.lost).subtracting(["ALL"])
  }

  /// bubblewrap's arguments for the capabilities.
  var capabilities: [String] {
    if self.startsWithAll {
      return ["--cap-add", "ALL"] + self.lost.sorted().flatMap { ["--cap-drop", "CAP_\($0)"] }
    }
    return ["--cap-drop", "ALL"] + self.granted.sorted().flatMap { ["--cap-add", "CAP_\($0)"] }
  }

  /// The capabilities as bits.
  var bits: UInt64 {
    Self.names.enumerated().reduce(0) { bits, capability in
      let (number, name) = capability
      let isThere =
        self.startsWithAll ? !self.lost.contains(name) : self.granted.contains(name)
      return isThere ? bits | 1 << UInt64(number) : bits
    }
  }

  /// bubblewrap's arguments for the kernel's files, after `/proc` and the image are mounted.
  /// - Parameter entries: those of ``kernelFiles`` that are there.
  func arguments(of entries: [String: ContainerCommand.Entry]) -> [String] {
    entries.sorted { $0.key < $1.key }.flatMap { path, entry -> [String] in
      if Self.readOnly.contains(path) {
        // A privileged one gets the machine's own.
        return [self.isPrivileged ? "--bind" : "--ro-bind", path, path]
      }
      if self.isPrivileged { return [] }
      return entry == .directory
        ? ["--tmpfs", path, "--remount-ro", path] : ["--dev-bind", "/dev/null", path]
    }
  }
}
