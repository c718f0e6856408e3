import Glibc

/// File operations that survive a power loss.
enum DurableFile {
  struct Failure: Error, CustomStringConvertible {
    let path: String
    let reason: String

    /// - Parameter error: of the system call for this path, which has just failed.
    init(_ path: String, _ error: Int32 = errno) {
      self.path = path
      self.reason = String(cString: strerror(error))
    }

    var description: String { "\(self.path): \(self.reason)" }
  }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Creates an empty file, readable by the owner alone.
  static func create(_ path: String) throws(Failure) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Failure(path) }
    close(descriptor)
  }

  /// Replaces `path` by the complete file `new`: at any time, even after a power loss, it is the old one or
  /// the new one.
  static func put(_ new: String, inPlaceOf path: String) throws(Failure) {
    try self.sync(new)
    guard rename(new, path) == 0 else { throw Failure(path) }
    try self.sync(self.directory(of: path))
  }

  /// Links the complete file `new` to `path`: at any time, even after a power loss, it is absent or whole.
  /// - Returns: `false` when `path` exists.
  static func put(_ new: String, asNew path: String) throws(Failure) -> Bool {
    try self.sync(new)
    // Unlike a rename, a link fails if the file exists, in the same step.
    guard try self.link(new, to: path) else { return false }
    try self.sync(self.directory(of: path))
    return true
  }

  /// Gives a file the owner of its directory, if permitted: a service could not open a file that root
  /// created.
  static func giveToOwnerOfDirectory(_ path: String) {
    var status = stat()
    if stat(self.directory(of: path), &status) == 0 {
      _ = chown(path, status.st_uid, status.st_gid)
    }
  }

  /// - Returns: `false` when the name exists.
  static func link(_ path: String, to name: String) throws(Failure) -> Bool {
    guard Glibc.link(path, name) != 0 else { return true }
    guard errno == EEXIST else { throw Failure(name) }
    return false
  }

  /// A missing file is no error.
  static func remove(_ path: String) throws(Failure) {
    guard unlink(path) == 0 || errno == ENOENT else { throw Failure(path) }
  }

  /// In bytes; 0 for a missing file.
  static func size(of path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  private static func sync(_ path: String) throws(Failure) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw Failure(path) }
  }

  private static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
