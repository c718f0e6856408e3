import Glibc
import Synchronization

/// The place of a manifest in the kubelet's directory: absent, or a whole file.
///
/// All of it blocks, for as long as a disk takes. Calls are to come one after the other.
///
/// A new content is written beside the place under a name that begins with a dot, which kubelets pass
/// over, synced, and renamed; then the directory is synced. Source: rename(2), fsync(2).
public final class ManifestPlace: Sendable {
  public let path: String
  /// The file that we put there, held open: as long as it is, no other file has its number.
  private let own = Mutex<OpenFile?>(nil)

  public init(_ path: String) {
    self.path = path
  }

  private var directory: String { ManifestFile.directory(of: self.path) }
  /// One name for all attempts, so that a crash leaves one file at most, which the next one replaces.
  private var temporary: String {
    "\(self.directory)/.\(ManifestFile.name(of: self.path)).elector"
  }

  /// Makes it absent, whatever is there, and what a crash left beside it.
  /// - Returns: whether anything was there.
  @discardableResult
  public func remove() throws(ManifestError) -> Bool {
    self.own.withLock { $0 = nil }
    return try self.unlink([self.path, self.temporary])
  }

  /// Makes it absent if what is there is what was installed here last; a file that somebody put in its
  /// place stays.
  /// - Returns: whether it was there.
  @discardableResult
  func removeOwn() throws(ManifestError) -> Bool {
    guard let identity = self.own.withLock({ $0?.identity }) else { return false }
    let isThere = FileIdentity(path: self.path) == identity
    let wasThere = isThere ? try self.unlink([self.path]) : false
    self.own.withLock { $0 = nil }
    return wasThere
  }

  /// Puts a content there; does nothing when it is there already.
  /// - Parameter isAllowed: asked immediately before the rename.
  /// - Returns: `false` when it was not allowed any more, and nothing was done.
  func install(_ content: [UInt8], while isAllowed: () -> Bool) throws(ManifestError) -> Bool {
    if let file = OpenFile(reading: self.path), file.identity == FileIdentity(path: self.path),
      (try? ManifestFile.read(self.path)) == content
    {
      self.own.withLock { $0 = file }
      return true
    }
    let file: OpenFile
    do throws(ManifestError) {
      file = try self.writeTemporary(content)
    } catch {
      Glibc.unlink(self.temporary)
      throw error
    }
    guard isAllowed() else {
      Glibc.unlink(self.temporary)
      return false
    }
    guard rename(self.temporary, self.path) == 0 else {
      let reason = errno
      Glibc.unlink(self.temporary)
      throw .failed(.write, self.path, reason)
    }
    self.own.withLock { $0 = file }
    do throws(ManifestError) {
      try self.syncDirectory()
    } catch {
      throw .notSynced(self.path, error.description)
    }
    return true
  }

  private func unlink(_ paths: [String]) throws(ManifestError) -> Bool {
    var isChanged = false
    for path in paths {
      if Glibc.unlink(path) == 0 {
        isChanged = true
      } else if errno != ENOENT {
        throw .failed(.remove, path, errno)
      }
    }
    if isChanged { try self.syncDirectory() }
    return isChanged
  }

  private func syncDirectory() throws(ManifestError) {
    let descriptor = open(self.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .failed(.write, self.directory, errno) }
    defer { close(descriptor) }
    // Some file systems cannot sync a directory and do not need to.
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw .failed(.write, self.directory, errno)
    }
  }

  private func writeTemporary(_ content: [UInt8]) throws(ManifestError) -> OpenFile {
    let path = self.temporary
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else { throw .failed(.write, path, errno) }
    defer { close(descriptor) }
    // Whatever the umask is: the kubelet may run as another user.
    guard fchmod(descriptor, 0o644) == 0 else { throw .failed(.write, path, errno) }
    var rest = content[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw .failed(.write, path, errno)
      }
      rest = rest.dropFirst(count)
    }
    guard fsync(descriptor) == 0 else { throw .failed(.write, path, errno) }
    // Not kept open for writing: closing that would look like a change to whoever watches.
    guard let file = OpenFile(reading: path) else { throw .failed(.write, path, errno) }
    return file
  }
}

/// Which file it is, whatever its name and its content are. Source: stat(2).
private struct FileIdentity: Equatable {
  let device: dev_t
  let inode: ino_t

  /// `nil` when there is no regular file of this name.
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

/// A file that stays open until the last reference goes.
private final class OpenFile: Sendable {
  private let descriptor: Int32
  var identity: FileIdentity? { FileIdentity(descriptor: self.descriptor) }

  /// `nil` when it cannot be opened; a pipe without a writer does not hold us up.
  init?(reading path: String) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
    guard descriptor >= 0 else { return nil }
    self.descriptor = descriptor
  }

  deinit {
    close(self.descriptor)
  }
}
