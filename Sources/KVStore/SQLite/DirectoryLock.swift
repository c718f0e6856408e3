import Glibc
import Synchronization

/// An exclusive claim on a directory, by a lock on a file in it. The kernel drops it with the process,
/// however that ends.
final class DirectoryLock: Sendable {
  /// `nil` once it is released.
  private let descriptor: Mutex<Int32?>

  /// Makes the directory if it is not there.
  /// - Throws: ``StartError/inUse(_:)`` when somebody else has it.
  init(directory: String) throws(StartError) {
    // Every missing parent is made, too.
    for end in directory.indices.dropFirst() where directory[end] == "/" {
      mkdir(String(directory[..<end]), 0o755)
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

  /// Lets the next one in.
  func release() {
    self.descriptor.withLock { descriptor in
      if let descriptor { close(descriptor) }
      descriptor = nil
    }
  }

  deinit {
    self.release()
  }
}
