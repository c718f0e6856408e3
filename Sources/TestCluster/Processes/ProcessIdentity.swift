import FoundationEssentials
import Glibc
import Linux

/// A process that cannot be mistaken for a later one with the same number.
///
/// Every process that a cluster starts leads a process group of its own, so that a ctrl-C in the
/// terminal reaches only the one that started it; a signal goes to the whole group.
package struct ProcessIdentity: Equatable, Codable, Sendable {
  package var pid: Int32
  /// Clock ticks between the machine's start and the process's. Source: proc(5), `starttime`.
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

  /// Whether it runs, or is stopped; one that only waits to be reaped does not count.
  package var isAlive: Bool {
    guard let stat = ProcessStat(process: self.pid) else { return false }
    return stat.startTicks == self.startTicks && !stat.hasEnded
  }

  /// Whether it, or a process that it started and that stayed in its group, is still there.
  package var leavesSomething: Bool {
    guard kill(-self.pid, 0) == 0 else { return false }
    let pids = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return pids.compactMap { Int32($0) }.compactMap { ProcessStat(process: $0) }
      .contains { $0.group == self.pid && !$0.hasEnded }
  }

  /// The first process that it has started and that is still there, as an elector's guard has its
  /// elector. Source: proc(5), `task/TID/children`.
  package var child: ProcessIdentity? {
    FileManager.default.contents(atPath: "/proc/\(self.pid)/task/\(self.pid)/children")
      .flatMap { String(decoding: $0, as: UTF8.self).split(separator: " ").first }
      .flatMap { Int32($0) }.flatMap { ProcessIdentity(pid: $0) }
  }

  /// Sends a signal to this process alone, unless it is another one by now.
  package func signalAlone(_ number: Int32) {
    guard self.isAlive else { return }
    kill(self.pid, number)
  }

  /// Sends a signal to the process's group, unless the process is another one by now.
  package func signal(_ number: Int32) {
    guard self.isAlive else { return }
    kill(-self.pid, number)
  }

  /// Ends what ``leavesSomething`` has found. Its group's number is nobody else's for as long as one is in it.
  package func killGroup() { kill(-self.pid, SIGKILL) }
}
