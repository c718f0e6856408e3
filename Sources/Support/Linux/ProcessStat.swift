import Glibc

/// What `/proc/PID/stat` says of a process. Source: proc(5).
package struct ProcessStat: Equatable, Sendable {
  /// `R` for running, `T` for stopped, `Z` for one that only waits to be reaped.
  package let state: Character
  package let group: pid_t
  package let session: pid_t
  /// What its own threads have used of processors, in clock ticks.
  package let ownTicks: UInt64
  /// What its children have used that have ended and were waited for, in clock ticks.
  package let childrenTicks: UInt64
  /// When it began, in clock ticks since the boot.
  package let startTicks: UInt64
  package let virtualBytes: UInt64
  /// Its memory that is not paged out, in pages.
  package let residentPages: UInt64

  /// It only waits to be reaped.
  package var hasEnded: Bool { self.state == "Z" || self.state == "X" }

  /// How many clock ticks a second has.
  package static var ticksPerSecond: Int { max(1, sysconf(Int32(_SC_CLK_TCK))) }

  /// `nil` when there is none.
  package init?(process: pid_t) {
    let file = open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    let bytes = [UInt8](unsafeUninitializedCapacity: 1024) { buffer, count in
      count = max(0, read(file, buffer.baseAddress, buffer.count))
    }
    self.init(line: String(decoding: bytes, as: UTF8.self))
  }

  /// The name, the second field, may hold blanks and parentheses: the last one ends it.
  package init?(line: String) {
    guard let end = line.lastIndex(of: ")") else { return nil }
    let fields = line[line.index(after: end)...].split(whereSeparator: \.isWhitespace)
    /// By its number in the manual.
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
