import Glibc
import Synchronization

/// An exclusive lock on a directory, by `flock` on a file in it. The kernel releases it when the process
/// ends.
final class DirectoryLock: Sendable {
  /// `nil` after the release.
  private let descriptor: Mutex<Int32?>

  /// Creates the directory if it is missing.
  /// - Throws: ``StartError/inUse(_:)`` when another process has it.
  init(directory: String) throws(StartError) {
    // And every missing parent.
    for end in directory.indices.dropFirst() where directory[end] == "/" {
      mkdir(String(directory[..<end]), 0o700)
    }
    if mkdir(directory, 0o700) != 0, errno != EEXIST {
      throw .directory(directory, String(cString: strerror(errno)))
    }
    let descriptor = open(directory + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .directory(directory, String(cString: strerror(errno))) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw .inUse(directory)
    }
    self.descriptor = Mutex(descriptor)
  }

  func release() {
    self.descriptor.withLock { descriptor in
      if let descriptor {
        // A process that was just forked holds the descriptor, too, until it becomes another program.
        flock(descriptor, LOCK_UN)
        close(descriptor)
      }
      descriptor = nil
    }
  }

  deinit {
    self.release()
  }
}
