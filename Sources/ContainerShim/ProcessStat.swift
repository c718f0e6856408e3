import Glibc

/// What `/proc/PID/stat` says of a process. Source: proc(5).
struct ProcessStat: Equatable {
  let session: pid_t
  /// When it began, in clock ticks since the boot.
  let startTicks: UInt64

  /// `nil` when there is none.
  init?(process: pid_t) {
    let file = open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    let bytes = [UInt8](unsafeUninitializedCapacity: 1024) { buffer, count in
      count = max(0, read(file, buffer.baseAddress, buffer.count))
    }
    self.init(line: String(decoding: bytes, as: UTF8.self))
  }

  /// The name, the second field, may hold blanks and parentheses: the last one ends it.
  init?(line: String) {
    guard let end = line.lastIndex(of: ")") else { return nil }
    let fields = line[line.index(after: end)...].split(separator: " ")
    guard fields.count > 19, let session = pid_t(fields[3]), let ticks = UInt64(fields[19]) else {
      return nil
    }
    self.session = session
    self.startTicks = ticks
  }
}
