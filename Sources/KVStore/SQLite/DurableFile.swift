import Glibc

/// What the kernel has to be asked for so that a file survives a power loss whole.
enum DurableFile {
  /// What could not be done, with the file that it was about.
  struct Failure: Error, CustomStringConvertible {
    let path: String
    let reason: String

    /// - Parameter path: what the system call that just failed was about.
    init(_ path: String) {
      self.path = path
      self.reason = String(cString: strerror(errno))
    }

    var description: String { "\(self.path): \(self.reason)" }
  }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Makes an empty file that nobody else can read.
  static func create(_ path: String) throws(Failure) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Failure(path) }
    close(descriptor)
  }

  /// Puts the finished file `new` in the place of `path`: who looks there finds the old one or the new
  /// one, also after a power loss.
  static func put(_ new: String, inPlaceOf path: String) throws(Failure) {
    try self.sync(new)
    guard rename(new, path) == 0 else { throw Failure(path) }
    try self.sync(self.directory(of: path))
  }

  /// Gives the finished file `new` the name `path`, if nobody has it: who looks there finds nothing or all
  /// of it, also after a power loss. The old name stays.
  /// - Returns: `false` when the name is taken.
  static func put(_ new: String, asNew path: String) throws(Failure) -> Bool {
    try self.sync(new)
    // A link and not a rename: it is refused where there is a file, in the same step.
    guard try self.link(new, to: path) else { return false }
    try self.sync(self.directory(of: path))
    return true
  }

  /// Gives a file to whom its directory belongs, as far as we may: what root puts into a service's
  /// directory would be closed to the service.
  static func giveToOwnerOfDirectory(_ path: String) {
    var status = stat()
    if stat(self.directory(of: path), &status) == 0 {
      _ = chown(path, status.st_uid, status.st_gid)
    }
  }

  /// Gives a file a second name.
  /// - Returns: `false` when that name is taken.
  static func link(_ path: String, to name: String) throws(Failure) -> Bool {
    guard Glibc.link(path, name) != 0 else { return true }
    guard errno == EEXIST else { throw Failure(name) }
    return false
  }

  /// Removes a file; one that is not there is no mistake.
  static func remove(_ path: String) throws(Failure) {
    guard unlink(path) == 0 || errno == ENOENT else { throw Failure(path) }
  }

  /// In bytes; 0 for a file that is not there.
  static func size(of path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  /// Brings a file or a directory's names to the disk.
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
