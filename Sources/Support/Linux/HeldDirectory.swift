import CLinux
import Glibc

/// A directory that is held open. What is opened, made or removed through it lies beneath it: neither `..`
/// nor a link leads out, not even one that is put there meanwhile.
///
/// A check of a path before its use cannot promise that, since the path is resolved again by the use
/// (CVE-2021-25741). Here the kernel resolves it once, with its bounds. All functions block.
/// Source: openat2(2), since Linux 5.6.
package struct HeldDirectory: ~Copyable, Sendable {
  /// For other system calls; it is closed with this value.
  package let descriptor: Int32

  /// - Parameter path: links on the way are followed.
  package init(_ path: String) throws(FileError) {
    let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError("open", path) }
    self.descriptor = descriptor
  }

  private init(owning descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(self.descriptor) }

  /// `O_PATH`, which the C library keeps for GNU's programs: the place of a file, not its content.
  package static let pathOnly: Int32 = 0o10_000_000

  /// What a path beneath the directory may lead over.
  package struct Bounds: OptionSet, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package static let noOtherFileSystem = Bounds(rawValue: UInt64(RESOLVE_NO_XDEV))
    package static let noLinks = Bounds(rawValue: UInt64(RESOLVE_NO_SYMLINKS))
  }

  /// Opens what is beneath the directory.
  /// - Parameters:
  ///   - path: relative; `.` for the directory itself. A link that leads out is refused, as is an absolute one.
  ///   - flags: as of open(2).
  /// - Returns: a descriptor, which the caller closes.
  package func open(
    _ path: String, _ flags: Int32, mode: mode_t = 0, bounds: Bounds = []
  ) throws(FileError) -> Int32 {
    let resolve = UInt64(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS) | bounds.rawValue
    for attempt in 1... {
      let descriptor = clinux_openat2(
        self.descriptor, path.isEmpty ? "." : path, flags | O_CLOEXEC, mode, resolve)
      if descriptor >= 0 { return descriptor }
      // EAGAIN: something on the way was renamed meanwhile.
      guard errno == EINTR || (errno == EAGAIN && attempt < 100) else { break }
    }
    throw FileError("open", path)
  }

  package func directory(
    _ path: String, bounds: Bounds = []
  ) throws(FileError) -> HeldDirectory {
    HeldDirectory(owning: try self.open(path, O_RDONLY | O_DIRECTORY, bounds: bounds))
  }

  /// Opens a directory beneath this one, and makes those on the way that are missing.
  /// - Parameters:
  ///   - mode: of the new ones, whatever the umask.
  ///   - last: of the last one, if it is new; as the others when missing.
  package func making(
    _ steps: [PathComponent], mode: mode_t, last: mode_t? = nil
  ) throws(FileError) -> HeldDirectory {
    var path = ""
    var parent = try self.directory("")
    for (index, step) in steps.enumerated() {
      let mode = index == steps.count - 1 ? last ?? mode : mode
      path += path.isEmpty ? "\(step)" : "/\(step)"
      let isNew = mkdirat(parent.descriptor, "\(step)", mode) == 0
      guard isNew || errno == EEXIST else { throw FileError("create", path) }
      // From the top, so that a link within is allowed, and one that leads out is not.
      parent = try self.directory(path)
      if isNew, fchmod(parent.descriptor, mode) != 0 { throw FileError("chmod", path) }
    }
    return parent
  }

  /// The names in the directory without `.` and `..`.
  package var names: [String] {
    guard let copy = try? self.directory("") else { return [] }
    // The stream closes its descriptor.
    let own = fcntl(copy.descriptor, F_DUPFD_CLOEXEC, 0)
    guard own >= 0, let stream = fdopendir(own) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Removes an entry, and all that is in it. Links are removed and not followed, and what is mounted in it
  /// stays.
  ///
  /// What lies deep is first moved up: a container may make more levels than a process has descriptors.
  /// - Returns: whether it is gone.
  @discardableResult
  package func remove(_ name: PathComponent) -> Bool {
    if self.unlink("\(name)") { return true }
    guard
      let top = try? self.directory("\(name)", bounds: [.noLinks, .noOtherFileSystem])
    else { return false }
    var moved = 0
    var isStuck = false
    while !isStuck {
      let names = top.names
      isStuck = true
      for name in names where !top.unlink(name) {
        guard let inner = try? top.directory(name, bounds: [.noLinks, .noOtherFileSystem]) else {
          continue
        }
        for child in inner.names where !inner.unlink(child) {
          moved += 1
          if renameat(inner.descriptor, child, top.descriptor, ".moved-up-\(moved)") == 0 {
            isStuck = false
          }
        }
        if unlinkat(top.descriptor, name, AT_REMOVEDIR) == 0 { isStuck = false }
      }
    }
    return unlinkat(self.descriptor, "\(name)", AT_REMOVEDIR) == 0
  }

  /// Removes what is no directory; what is missing counts as removed.
  private func unlink(_ name: String) -> Bool {
    unlinkat(self.descriptor, name, 0) == 0 || errno == ENOENT
  }
}

/// A system call on a file that failed.
package struct FileError: Error, Equatable, CustomStringConvertible {
  package let action: String
  package let path: String
  package let errno: Int32

  /// Takes the reason from `errno`.
  package init(_ action: String, _ path: String) {
    self.action = action
    self.path = path
    self.errno = Glibc.errno
  }

  package var description: String {
    "cannot \(self.action) \(self.path): \(self.reason)"
  }

  /// EXDEV is what openat2 says of a path that leads out.
  package var reason: String {
    self.errno == EXDEV ? "it leads out of its directory" : String(cString: strerror(self.errno))
  }
}
