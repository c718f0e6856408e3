import Foundation
import Linux

/// What the kernel knows of this process.
///
/// Source: proc(5), `stat` and `fd`.
struct ProcessFigures: Equatable, Sendable {
  var cpuSeconds: Double
  var startSeconds: Double
  var virtualBytes: Double
  var residentBytes: Double
  var openDescriptors: Double
  var maxDescriptors: Double

  /// When the machine booted; asked once, since the answer moves with the wall clock.
  private static let bootSeconds: Double = {
    let stat = (try? String(contentsOfFile: "/proc/stat", encoding: .utf8)) ?? ""
    return stat.firstMatch(of: /\nbtime ([0-9]+)/).flatMap { Double($0.1) } ?? 0
  }()

  /// `nil` where there is no `/proc`.
  init?() {
    guard let stat = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
      // The name in parentheses may hold anything; the third field comes after the last one.
      let nameEnd = stat.lastIndex(of: ")")
    else { return nil }
    let fields = stat[stat.index(after: nameEnd)...].split(separator: " ").map { Double($0) ?? 0 }
    guard fields.count > 21 else { return nil }
    let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
    self.cpuSeconds = (fields[11] + fields[12]) / ticks
    self.startSeconds = Self.bootSeconds + fields[19] / ticks
    self.virtualBytes = fields[20]
    self.residentBytes = fields[21] * Double(sysconf(Int32(_SC_PAGESIZE)))
    let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
    self.openDescriptors = Double(descriptors?.count ?? 0)
    self.maxDescriptors = Double(DescriptorLimit.current)
  }
}
