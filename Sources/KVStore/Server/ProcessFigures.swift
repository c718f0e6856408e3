import Foundation
import Linux

/// This process, for the metrics.
struct ProcessFigures: Equatable, Sendable {
  var cpuSeconds: Double
  var startSeconds: Double
  var virtualBytes: Double
  var residentBytes: Double
  var openDescriptors: Double
  var maxDescriptors: Double

  /// When the machine booted. Read once, since it moves with the wall clock.
  private static let bootSeconds: Double = {
    let stat = (try? String(contentsOfFile: "/proc/stat", encoding: .utf8)) ?? ""
    return stat.firstMatch(of: /\nbtime ([0-9]+)/).flatMap { Double($0.1) } ?? 0
  }()

  /// `nil` without `/proc`.
  init?() {
    guard let stat = ProcessStat(process: getpid()) else { return nil }
    let ticks = Double(ProcessStat.ticksPerSecond)
    self.cpuSeconds = Double(stat.ownTicks) / ticks
    self.startSeconds = Self.bootSeconds + Double(stat.startTicks) / ticks
    self.virtualBytes = Double(stat.virtualBytes)
    self.residentBytes = Double(stat.residentPages) * Double(sysconf(Int32(_SC_PAGESIZE)))
    let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
    self.openDescriptors = Double(descriptors?.count ?? 0)
    self.maxDescriptors = Double(DescriptorLimit.current)
  }
}
