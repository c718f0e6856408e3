import Glibc

/// A process's state, from `/proc/PID/stat`. Source: proc(5).
package struct ProcessStat: Equatable, Sendable {
  /// `R` for running, `T` for stopped, `Z` for a zombie.
  package let state: Character
  package let group: pid_t
  package let session: pid_t
  /// Processor time of its own threads, in clock ticks.
  package let ownTicks: UInt64
  /// Processor time of its reaped children, in clock ticks.
  package let childrenTicks: UInt64
  /// Its start, in clock ticks since the boot.
  package let startTicks: UInt64
  package let virtualBytes: UInt64
  /// Its resident memory, in pages.
  package let residentPages: UInt64

  /// Whether it is a zombie or dead.
  package var hasEnded: Bool { self.state == "Z" || self.state == "X" }

  /// Clock ticks in a second.
  package static var ticksPerSecond: Int { max(1, sysconf(Int32(_SC_CLK_TCK))) }

  /// `nil` when the process does not exist.
  package init?(process: pid_t) {
    let file = open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    let bytes = [UInt8](unsafeUninitializedCapacity: 1024) { buffer, count in
      count = max(0, read(file, buffer.baseAddress, buffer.count))
    }
    self.init(line: String(decoding: bytes, as: UTF8.self))
  }

  /// The second field, the name, may contain spaces and parentheses: the last one ends it.
  package init?(line: String) {
    guard let end = line.lastIndex(of: ")") else { return nil }
    let fields = line[line.index(after: end)...].split(whereSeparator: \.isWhitespace)
    /// - Parameter field: its number in the manual.
    func number(_ field: Int) -> UInt64? { UInt64(fields[field - 3]) }
    guard fields.count > 21, let state = fields[0].first, let group = pid_t(fields[2]),
      let session = pid_t(fields[3]), let user = number(14), let system = number(15),
      let childrenUser = number(16), let childrenSystem = number(17), let start = number(22),
      let virtual = number(23), let pages = number(24)
    else { return nil }
    self.state = state
    self.group = group
    self.session = session
    self.ownTicks = user + system
    self.childrenTicks = childrenUser + childrenSystem
    self.startTicks = start
    self.virtualBytes = virtual
    self.residentPages = pages
  }
}
