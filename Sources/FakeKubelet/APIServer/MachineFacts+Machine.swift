import Glibc

extension MachineFacts {
  /// Reads the machine's facts. Blocks.
  /// - Parameter directory: a directory of the file system with the containers.
  static func machine(directory: String) -> Self {
    var facts = Self()
    facts.cpus = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    facts.memoryBytes = UInt64(
      max(0, sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))))
    facts.availableMemoryBytes = StatsSummary.node()?.availableBytes ?? facts.memoryBytes
    var disk = statvfs()
    if statvfs(directory, &disk) == 0 || statvfs("/", &disk) == 0 {
      facts.diskBytes = UInt64(disk.f_blocks) * UInt64(disk.f_frsize)
      facts.availableDiskBytes = UInt64(disk.f_bavail) * UInt64(disk.f_frsize)
    }
    facts.machineID = Self.word("/etc/machine-id")
    facts.systemUUID = Self.word("/sys/class/dmi/id/product_uuid")
    if facts.systemUUID.isEmpty { facts.systemUUID = facts.machineID }
    facts.bootID = Self.word("/proc/sys/kernel/random/boot_id")
    facts.kernelVersion = Self.word("/proc/sys/kernel/osrelease")
    facts.osImage = Self.osImage(HostFiles.text("/etc/os-release") ?? "")
    facts.architecture = Self.architecture
    return facts
  }

  /// Source: `man 5 os-release`.
  static func osImage(_ text: String) -> String {
    let line = text.split(separator: "\n").first { $0.hasPrefix("PRETTY_NAME=") }
    return String((line ?? "").dropFirst("PRETTY_NAME=".count).filter { $0 != "\"" })
  }

  private static func word(_ path: String) -> String {
    HostFiles.text(path)?.split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
  }

  private static var architecture: String {
    #if arch(x86_64)
      "amd64"
    #elseif arch(arm64)
      "arm64"
    #else
      "unknown"
    #endif
  }
}
