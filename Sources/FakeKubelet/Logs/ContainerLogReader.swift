import ContainerShim
import Glibc
import Linux
import Synchronization

/// Reads a container's log from its file on, over rotations. All functions block.
///
/// The file is opened once and held, so what is read stays the same when its directory goes with its pod. It is
/// closed with this reader.
final class ContainerLogReader: Sendable {
  /// The bytes of one read; nothing is read as a whole.
  static let piece = 64 << 10

  private struct State {
    var file: Int32 = -1
  }

  private let directory: String
  private let path: String
  private let state = Mutex(State())

  /// - Parameters:
  ///   - path: beneath the directory; the file may appear later.
  ///   - directory: that of all logs.
  init(_ path: String, in directory: String) {
    self.directory = directory
    self.path = path
  }

  deinit { self.state.withLock { if $0.file >= 0 { close($0.file) } } }

  /// The last lines of the present file, perhaps with some before them.
  func tail(_ lines: Int) -> [UInt8] {
    self.state.withLock { state in
      if state.file < 0 { state.file = self.open(self.path) }
      var status = stat()
      guard state.file >= 0, fstat(state.file, &status) == 0 else { return [] }
      var window = Self.piece
      while true {
        let start = max(0, status.st_size - window)
        lseek(state.file, start, SEEK_SET)
        let bytes = HostFiles.rest(of: state.file, upTo: status.st_size - start) ?? []
        if start == 0 { return bytes }
        // The window begins in the middle of an entry.
        let whole = bytes.drop { $0 != UInt8(ascii: "\n") }.dropFirst()
        if ContainerLogFilter.wholeLines(in: Array(whole)) > lines { return Array(whole) }
        window *= 2
      }
    }
  }

  /// What follows; empty at the present end.
  func next() -> [UInt8] {
    self.state.withLock { state in
      if state.file < 0 { state.file = self.open(self.path) }
      guard state.file >= 0 else { return [] }
      let bytes = self.piece(of: state.file)
      if !bytes.isEmpty { return bytes }
      guard let successor = self.successor(of: state.file) else { return [] }
      // The last entries before the rotation; the shim adds none after it.
      let rest = self.piece(of: state.file)
      guard rest.isEmpty else {
        close(successor)
        return rest
      }
      close(state.file)
      state.file = successor
      return self.piece(of: successor)
    }
  }

  private func piece(of file: Int32) -> [UInt8] {
    HostFiles.rest(of: file, upTo: Self.piece) ?? []
  }

  private func open(_ path: String) -> Int32 {
    (try? HeldDirectory(self.directory).open(path, O_RDONLY | O_NONBLOCK)) ?? -1
  }

  /// The file after this one, opened; `nil` while this one is the present one, or the names are changing.
  private func successor(of file: Int32) -> Int32? {
    var newer: Int32 = -1
    for name in RotatingLog.names(of: self.path) {
      let other = self.open(name)
      guard other >= 0 else { break }
      if Self.isSame(other, file) {
        close(other)
        return newer < 0 ? nil : newer
      }
      if newer >= 0 { close(newer) }
      newer = other
    }
    // Ours is gone already: the oldest one that is left.
    return newer < 0 ? nil : newer
  }

  private static func isSame(_ one: Int32, _ other: Int32) -> Bool {
    var (first, second) = (stat(), stat())
    return fstat(one, &first) == 0 && fstat(other, &second) == 0 && first.st_ino == second.st_ino
      && first.st_dev == second.st_dev
  }
}
