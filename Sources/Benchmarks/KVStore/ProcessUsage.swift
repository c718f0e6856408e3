import FoundationEssentials
import Glibc

/// What a process has used so far.
///
/// Source: proc(5), `stat` and `status`.
package struct ProcessUsage: Equatable, Sendable {
  /// User and system time of all its threads.
  package var cpuSeconds: Double
  package var residentMebibytes: Double

  /// `nil` when there is no such process, or it has ended.
  package init?(pid: Int32) {
    func text(_ file: String) -> String? {
      FileManager.default.contents(atPath: "/proc/\(pid)/\(file)").map {
        String(decoding: $0, as: UTF8.self)
      }
    }
    guard let stat = text("stat"), let status = text("status") else { return nil }
    self.init(
      stat: stat, status: status, ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))))
  }

  /// The name, the second field of `stat`, may hold blanks and parentheses: the last one ends it. A
  /// process that has ended has no memory any more.
  package init?(stat: String, status: String, ticksPerSecond: Double) {
    guard let end = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[stat.index(after: end)...].split(separator: " ")
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]),
      let resident = Machine.field("VmRSS", in: status)?.split(separator: " ").first,
      let kibibytes = Double(resident)
    else { return nil }
    self.cpuSeconds = (user + system) / ticksPerSecond
    self.residentMebibytes = kibibytes / 1024
  }
}
