import Glibc
import Synchronization

/// A backup of the store that is read once, piece by piece, with its hash at the end.
///
/// The file has no name any more when the first piece is read: it goes with the process. The calls block.
final class SnapshotFile: Sendable {
  private let descriptor: Int32
  private let size: Int
  private let state = Mutex(State())

  private struct State {
    var offset = 0
    var hash = SHA256()
  }

  private static let pieceSize = 32 << 10

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  struct Piece {
    let bytes: [UInt8]
    /// Of the backup, behind this piece.
    let remaining: Int
    /// The hash of the pieces before.
    let isLast: Bool
  }

  init(of directory: DataDirectory) throws {
    let path = "\(directory.path)/snapshot-\(UInt64.random(in: 0 ... .max)).tmp"
    defer { unlink(path) }
    _ = try directory.backUp(to: path)
    self.size = DurableFile.size(of: path)
    self.descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard self.descriptor >= 0 else {
      throw Failure(description: "\(path): \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(self.descriptor) }

  func next() throws(Failure) -> Piece {
    try self.state.withLock { (state) throws(Failure) in
      guard state.offset < self.size else {
        return Piece(bytes: state.hash.digest(), remaining: 0, isLast: true)
      }
      let length = min(Self.pieceSize, self.size - state.offset)
      let bytes = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
        count = max(0, pread(self.descriptor, buffer.baseAddress, length, off_t(state.offset)))
      }
      guard !bytes.isEmpty else {
        throw Failure(description: "a snapshot: \(String(cString: strerror(errno)))")
      }
      state.offset += bytes.count
      state.hash.add(bytes)
      return Piece(bytes: bytes, remaining: self.size - state.offset, isLast: false)
    }
  }
}
