import Glibc
import NIOCore

/// An open file that is written in place.
final class LogFile: Sendable {
  let path: String
  private let descriptor: Int32

  init(_ path: String) throws(DurableFile.Failure) {
    self.path = path
    self.descriptor = Glibc.open(path, O_RDWR | O_CLOEXEC)
    guard self.descriptor >= 0 else { throw DurableFile.Failure(path) }
    // Files of earlier versions may be readable by all.
    fchmod(self.descriptor, 0o600)
  }

  deinit {
    close(self.descriptor)
  }

  func write(_ bytes: ByteBuffer, at offset: Int) throws(DurableFile.Failure) {
    let error = bytes.withUnsafeReadableBytes { bytes in
      var done = 0
      while done < bytes.count {
        let count = pwrite(
          self.descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done,
          off_t(offset + done))
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return count < 0 ? errno : EIO }
        done += count
      }
      return 0
    }
    guard error == 0 else { throw DurableFile.Failure(self.path, error) }
  }

  /// Returns when everything written is on disk.
  func sync() throws(DurableFile.Failure) {
    guard fdatasync(self.descriptor) == 0 else { throw DurableFile.Failure(self.path) }
  }

  private var status: stat? {
    var status = stat()
    return fstat(self.descriptor, &status) == 0 ? status : nil
  }

  /// Whether the file has a name, at any path.
  var isLinked: Bool { self.status.map { $0.st_nlink > 0 } ?? false }

  /// Whether the file is the one at its path.
  var isAtItsPath: Bool {
    var found = stat()
    guard stat(self.path, &found) == 0, let own = self.status else { return false }
    return found.st_ino == own.st_ino && found.st_dev == own.st_dev
  }

  /// In bytes.
  var size: Int { self.status.map { Int($0.st_size) } ?? 0 }

  /// Writes zeros behind the end, so that later writes find their blocks. A disk that has no room for them may
  /// have room for the write.
  func grow(to size: Int, by step: Int) {
    let end = self.size
    guard end < size else { return }
    try? self.write(
      ByteBuffer(repeating: 0, count: (size - end + step - 1) / step * step), at: end)
  }

  /// Gives back the blocks behind this size. What cannot be given back stays.
  func cut(to size: Int) {
    if self.size > size { ftruncate(self.descriptor, off_t(size)) }
  }

  /// The whole file at a path.
  static func contents(_ path: String) throws(DurableFile.Failure) -> ByteBuffer {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw DurableFile.Failure(path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw DurableFile.Failure(path) }
    var buffer = ByteBuffer()
    var isOver = false
    while !isOver {
      var failure: Int32 = 0
      buffer.writeWithUnsafeMutableBytes(
        minimumWritableBytes: max(4096, Int(status.st_size) - buffer.readableBytes)
      ) { bytes in
        let count = Glibc.read(descriptor, bytes.baseAddress, bytes.count)
        if count < 0, errno != EINTR { failure = errno }
        if count == 0 { isOver = true }
        return max(0, count)
      }
      guard failure == 0 else { throw DurableFile.Failure(path, failure) }
    }
    return buffer
  }
}
