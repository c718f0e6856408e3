import FoundationEssentials

/// The machine that a figure was measured on.
package struct Machine: Equatable, Sendable {
  package var processor: String
  package var cores: Int
  package var memory: String
  package var kernel: String
  /// The type of the data directories' file system.
  package var fileSystem: String

  /// This machine.
  /// - Parameter directory: that of the data directories.
  package static func current(directory: String) -> Machine {
    func text(_ path: String) -> String {
      FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
    return Machine(
      processor: self.field("model name", in: text("/proc/cpuinfo")) ?? "unknown",
      cores: ProcessInfo.processInfo.activeProcessorCount,
      memory: self.field("MemTotal", in: text("/proc/meminfo")) ?? "unknown",
      kernel: text("/proc/sys/kernel/osrelease").split(separator: "\n").first.map(String.init)
        ?? "unknown",
      fileSystem: self.fileSystem(of: directory, mounts: text("/proc/self/mountinfo")) ?? "unknown")
  }

  /// The value of a line `NAME: VALUE`.
  package static func field(_ name: String, in text: String) -> String? {
    for line in text.split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      if Self.trimmed(line[..<colon]) == name {
        return Self.trimmed(line[line.index(after: colon)...])
      }
    }
    return nil
  }

  private static func trimmed(_ text: Substring) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  /// The type of a path's file system.
  ///
  /// Source: proc(5), `mountinfo`: the fifth field is the mount point, and the first one after a single hyphen is the
  /// type. Of several mounts at the longest mount point, the last one counts.
  package static func fileSystem(of path: String, mounts: String) -> String? {
    var best: (length: Int, type: String)?
    for line in mounts.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 5, let hyphen = fields[5...].firstIndex(of: "-"),
        fields.indices.contains(hyphen + 1)
      else { continue }
      let point = fields[4].replacing("\\040", with: " ")
      guard point == "/" || path == point || path.hasPrefix(point + "/") else { continue }
      if best.map({ point.count >= $0.length }) ?? true {
        best = (point.count, String(fields[hyphen + 1]))
      }
    }
    return best?.type
  }
}
