import Glibc

/// The end of a log: its last lines, or less of them where they are long.
enum LogEnd {
  static let maximumLines = 200
  static let maximumBytes = 1 << 16

  /// Blocks while it reads.
  /// - Throws: ``ClusterError/file(_:path:reason:)``.
  static func text(of path: String) throws(ClusterError) -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      throw .file("read", path: path, reason: String(cString: strerror(errno)))
    }
    defer { close(file) }
    lseek(file, max(0, lseek(file, 0, SEEK_END) - Self.maximumBytes), SEEK_SET)
    let end = [UInt8](unsafeUninitializedCapacity: Self.maximumBytes) { buffer, count in
      count = max(0, read(file, buffer.baseAddress, buffer.count))
    }
    let lines = String(decoding: end, as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false)
    // After the last line's end stands nothing, which is no line.
    return lines.suffix(Self.maximumLines + (lines.last == "" ? 1 : 0)).joined(separator: "\n")
  }
}
