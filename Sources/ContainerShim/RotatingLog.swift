import Glibc

/// A container's log file. When it is full, it becomes `0.log.1`, that one `0.log.2`, and the last one goes.
///
/// Source: the kubelet's `containerLogMaxSize` and `containerLogMaxFiles`. The names of its rotated files have a
/// time; these have a number, so that none has to be looked for.
package struct RotatingLog {
  /// The bytes of a file.
  package static let limit = 10 << 20
  /// Including the present one.
  package static let files = 5

  private let path: String
  private let limit: Int
  private var file: Int32
  private var size: Int

  /// `nil` when the file cannot be opened, with the reason in `errno`.
  package init?(_ path: String, limit: Int = Self.limit) {
    self.path = path
    self.limit = limit
    self.file = Self.open(path)
    guard self.file >= 0 else { return nil }
    var status = stat()
    self.size = fstat(self.file, &status) == 0 ? status.st_size : 0
  }

  /// The names of all files of a log.
  package static func names(of log: String) -> [String] {
    [log] + (1..<Self.files).map { "\(log).\($0)" }
  }

  /// Appends whole entries.
  package mutating func append(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    if self.size > 0, self.size + bytes.count > self.limit { self.rotate() }
    ShimLoop.write(bytes, to: self.file)
    self.size += bytes.count
  }

  private mutating func rotate() {
    let names = Self.names(of: self.path)
    for (newer, older) in zip(names, names.dropFirst()).reversed() { rename(newer, older) }
    let next = Self.open(self.path)
    // Without a new file, the old one goes on.
    guard next >= 0 else { return }
    Glibc.close(self.file)
    self.file = next
    self.size = 0
  }

  private static func open(_ path: String) -> Int32 {
    Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o640)
  }

  package func close() { Glibc.close(self.file) }
}
