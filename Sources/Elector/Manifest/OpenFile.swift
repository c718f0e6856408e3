import Glibc

/// A file that stays open until the last reference goes.
final class OpenFile: Sendable {
  private let descriptor: Int32
  var identity: InodeIdentity? { InodeIdentity(descriptor: self.descriptor) }

  /// `nil` when it cannot be opened; a pipe without a writer does not block.
  init?(reading path: String) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
    guard descriptor >= 0 else { return nil }
    self.descriptor = descriptor
  }

  deinit {
    close(self.descriptor)
  }
}

/// A file's identity, independent of name and content. Source: stat(2).
struct InodeIdentity: Equatable {
  let device: dev_t
  let inode: ino_t

  /// `nil` when the path is not a regular file.
  init?(path: String) {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    (self.device, self.inode) = (status.st_dev, status.st_ino)
  }

  init?(descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    (self.device, self.inode) = (status.st_dev, status.st_ino)
  }
}
