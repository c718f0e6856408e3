import FoundationEssentials
import Glibc
import Linux

/// What a process has used so far of the processor, and what it uses of the memory.
///
/// Source: proc(5), `stat` and `statm`.
package struct ProcessUsage: Equatable, Sendable {
  /// User and system time of all its threads.
  package var cpuSeconds: Double
  package var residentBytes: Int
  /// Without files and shared memory.
  package var anonymousBytes: Int

  /// `nil` when there is no such process, or it has ended.
  package init?(pid: Int32) {
    guard let stat = ProcessStat(process: pid),
      let memory = FileManager.default.contents(atPath: "/proc/\(pid)/statm")
    else { return nil }
    self.init(
      stat: stat, memory: String(decoding: memory, as: UTF8.self),
      ticksPerSecond: ProcessStat.ticksPerSecond, pageBytes: sysconf(Int32(_SC_PAGESIZE)))
  }

  /// - Parameter memory: pages; the second number is the resident ones, the third those of them that are shared.
  package init?(stat: ProcessStat, memory: String, ticksPerSecond: Int, pageBytes: Int) {
    let pages = memory.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    guard !stat.hasEnded, pages.count > 2 else { return nil }
    self.cpuSeconds = Double(stat.ownTicks) / Double(ticksPerSecond)
    self.residentBytes = pages[1] * pageBytes
    self.anonymousBytes = (pages[1] - pages[2]) * pageBytes
  }

  /// The share of one processor that it took since an earlier look; 1 is all of it.
  package func processor(since earlier: ProcessUsage, over duration: Duration) -> Double {
    (self.cpuSeconds - earlier.cpuSeconds) / (duration / .seconds(1))
  }
}
