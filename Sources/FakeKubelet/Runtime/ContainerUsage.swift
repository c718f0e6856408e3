import ContainerShim
import Glibc

/// What a container has used since it was started.
public struct ContainerUsage: Equatable, Sendable {
  /// Of all its processes, those that have ended included; in nanoseconds.
  public let cpuNanoseconds: UInt64
  /// Resident memory of its processes, in bytes.
  public let residentBytes: UInt64

  public init(cpuNanoseconds: UInt64, residentBytes: UInt64) {
    self.cpuNanoseconds = cpuNanoseconds
    self.residentBytes = residentBytes
  }
}

extension ContainerUsage {
  /// What the processes use that are in the process namespace of this one; `nil` when it has ended. Blocks.
  /// Source: `man 5 proc`, `/proc/PID/stat`.
  init?(ofNamespaceOf process: Int32) {
    guard let namespace = SymbolicLink.target(of: "/proc/\(process)/ns/pid") else { return nil }
    let ticksPerSecond = UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
    let pageSize = UInt64(max(1, sysconf(Int32(_SC_PAGESIZE))))
    var (ticks, pages): (UInt64, UInt64) = (0, 0)
    for name in HostFiles.names(in: "/proc") where name.allSatisfy(\.isNumber) {
      guard SymbolicLink.target(of: "/proc/\(name)/ns/pid") == namespace,
        let text = HostFiles.text("/proc/\(name)/stat"), let end = text.lastIndex(of: ")")
      else { continue }
      // What follows the name, which may have blanks in it, is the third field.
      let fields = text[text.index(after: end)...].split(separator: " ")
      func field(_ number: Int) -> UInt64 {
        fields.indices.contains(number - 3) ? UInt64(fields[number - 3]) ?? 0 : 0
      }
      // Its own time, and that of its children that have ended.
      ticks += field(14) + field(15) + field(16) + field(17)
      pages += field(24)
    }
    self.init(
      cpuNanoseconds: ticks * (1_000_000_000 / ticksPerSecond), residentBytes: pages * pageSize)
  }
}
