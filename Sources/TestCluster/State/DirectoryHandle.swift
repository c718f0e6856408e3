import Glibc

/// An open directory: a lock, and a short path to a socket in it.
///
/// The kernel releases the lock when the process ends.
package final class DirectoryHandle: Sendable {
  package let descriptor: Int32

  package init(_ path: String) throws(ClusterError) {
    self.descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard self.descriptor >= 0 else {
      throw .file("open", path: path, reason: String(cString: strerror(errno)))
    }
  }

  deinit {
    close(self.descriptor)
  }

  /// A path of an entry that fits into a socket's address (108 bytes), however long the directory's own path is.
  package func shortPath(_ entry: String) -> String {
    "/proc/self/fd/\(self.descriptor)/\(entry)"
  }
}
