import ContainerShim
import Glibc
import Linux

/// A container's use of resources since its start.
public struct ContainerUsage: Equatable, Sendable {
  /// CPU time of all its processes, including those that have ended; in nanoseconds.
  public let cpuNanoseconds: UInt64
  /// Resident memory of its processes, in bytes.
  public let residentBytes: UInt64

  public init(cpuNanoseconds: UInt64, residentBytes: UInt64) {
    self.cpuNanoseconds = cpuNanoseconds
    self.residentBytes = residentBytes
  }
}

extension ContainerUsage {
  /// The use of all processes in the process namespace of this one; `nil` when it has ended. Blocks.
  init?(ofNamespaceOf process: Int32) {
    guard let namespace = SymbolicLink.target(of: "/proc/\(process)/ns/pid") else { return nil }
    let ticksPerSecond = UInt64(ProcessStat.ticksPerSecond)
    let pageSize = UInt64(max(1, sysconf(Int32(_SC_PAGESIZE))))
    var (ticks, pages): (UInt64, UInt64) = (0, 0)
    for process in HostFiles.names(in: "/proc").compactMap({ pid_t($0) }) {
      guard SymbolicLink.target(of: "/proc/\(process)/ns/pid") == namespace,
        let stat = ProcessStat(process: process)
      else { continue }
      ticks += stat.ownTicks + stat.childrenTicks
      pages += stat.residentPages
    }
    self.init(
      cpuNanoseconds: ticks * (1_000_000_000 / ticksPerSecond), residentBytes: pages * pageSize)
  }
}
