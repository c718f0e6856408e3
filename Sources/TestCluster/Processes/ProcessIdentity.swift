import FoundationEssentials
import Glibc
import Linux

/// A process, told from a later one with the same number by its start time.
///
/// Every process that a cluster starts leads its own process group, so that a ctrl-C in the terminal does not reach
/// it; a signal goes to the whole group.
package struct ProcessIdentity: Equatable, Codable, Sendable {
  package var pid: Int32
  /// Clock ticks from the machine's boot to the process's start. Source: proc(5), `starttime`.
  package var startTicks: UInt64

  /// `nil` when there is no such process.
  package init?(pid: Int32) {
    guard let stat = ProcessStat(process: pid) else { return nil }
    self.init(pid: pid, startTicks: stat.startTicks)
  }

  package init(pid: Int32, startTicks: UInt64) {
    self.pid = pid
    self.startTicks = startTicks
  }

  /// Whether it runs or is stopped; a zombie is not alive.
  package var isAlive: Bool {
    guard let stat = ProcessStat(process: self.pid) else { return false }
    return stat.startTicks == self.startTicks && !stat.hasEnded
  }

  /// Whether it, or another process of its group, is still there.
  package var leavesSomething: Bool {
    guard kill(-self.pid, 0) == 0 else { return false }
    let pids = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return pids.compactMap { Int32($0) }.compactMap { ProcessStat(process: $0) }
      .contains { $0.group == self.pid && !$0.hasEnded }
  }

  /// Its first living child: an elector is that of its guard. Source: proc(5), `task/TID/children`.
  package var child: ProcessIdentity? {
    FileManager.default.contents(atPath: "/proc/\(self.pid)/task/\(self.pid)/children")
      .flatMap { String(decoding: $0, as: UTF8.self).split(separator: " ").first }
      .flatMap { Int32($0) }.flatMap { ProcessIdentity(pid: $0) }
  }

  /// Sends a signal to this process, but not its group, unless it has ended.
  package func signalAlone(_ number: Int32) {
    guard self.isAlive else { return }
    kill(self.pid, number)
  }

  /// Sends a signal to the process's group, unless the process has ended.
  package func signal(_ number: Int32) {
    guard self.isAlive else { return }
    kill(-self.pid, number)
  }

  /// Kills what ``leavesSomething`` has found. The kernel does not reuse the number of a group that has members.
  package func killGroup() { kill(-self.pid, SIGKILL) }
}
