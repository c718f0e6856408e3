import Glibc
import Synchronization

/// One path in a kubelet's directory, which holds nothing or a whole file.
///
/// It writes new content beside the path, under a name with a leading dot, which kubelets ignore; then it
/// syncs and renames the file, and syncs the directory. Source: rename(2), fsync(2).
///
/// All methods block for as long as the disk takes. Call one at a time.
package final class ManifestPath: Sendable {
  package let path: String
  /// The file that we installed, held open so that no other file gets its inode number.
  private let own = Mutex<OpenFile?>(nil)

  package init(_ path: String) {
    self.path = path
  }

  private var directory: String { ManifestFile.directory(of: self.path) }
  /// The same for all attempts, so that a crash leaves at most one file, which the next attempt replaces.
  var temporary: String { "\(self.directory)/.\(ManifestFile.name(of: self.path)).elector" }
  /// The file of its ``ManifestLock``.
  var lock: String { "\(self.temporary).lock" }

  private var trial: String { self.temporary + ".trial" }

  /// Writes and removes a small file beside the path, as an installation and a removal would. A full disk is no
  /// failure: it takes a removal.
  func tryDisk() throws(ManifestError) {
    let path = self.trial
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    if descriptor >= 0 {
      defer { close(descriptor) }
      let isWritten = Glibc.write(descriptor, "?", 1) == 1 && fsync(descriptor) == 0
      guard isWritten || Self.isFull(errno) else { throw .failed(.write, path, errno) }
    } else if !Self.isFull(errno) {
      throw .failed(.write, path, errno)
    }
    guard Glibc.unlink(path) == 0 || errno == ENOENT else { throw .failed(.remove, path, errno) }
  }

  private static func isFull(_ reason: Int32) -> Bool { reason == ENOSPC || reason == EDQUOT }

  /// Removes any file at the path, and what a crash left beside it.
  /// - Returns: whether there was one.
  @discardableResult
  package func remove() throws(ManifestError) -> Bool {
    self.own.withLock { $0 = nil }
    return try self.unlink([self.path, self.temporary, self.trial])
  }

  /// Removes the file that we installed last, but no other file at the path.
  /// - Returns: whether it was there.
  @discardableResult
  func removeOwn() throws(ManifestError) -> Bool {
    guard let identity = self.own.withLock({ $0?.identity }) else { return false }
    let isThere = InodeIdentity(path: self.path) == identity
    let wasThere = isThere ? try self.unlink([self.path]) : false
    self.own.withLock { $0 = nil }
    return wasThere
  }

  /// Installs content, unless the file has it already.
  /// - Parameter isAllowed: called immediately before the rename.
  /// - Returns: `false` when that returned `false`; then nothing has changed.
  func install(_ content: ManifestBytes, while isAllowed: () -> Bool) throws(ManifestError) -> Bool
  {
    if let file = OpenFile(reading: self.path), file.identity == InodeIdentity(path: self.path),
      file.mode == content.mode, (try? ManifestFile.read(self.path)) == content.bytes
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
      } else {
        let reason = errno
        var status = stat()
        // A file system that is read-only says so before it looks.
        guard reason == ENOENT || (lstat(path, &status) < 0 && errno == ENOENT) else {
          throw .failed(.remove, path, reason)
        }
      }
    }
    if isChanged { try self.syncDirectory() }
    return isChanged
  }

  private func syncDirectory() throws(ManifestError) {
    let descriptor = open(self.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .failed(.write, self.directory, errno) }
    defer { close(descriptor) }
    // Some file systems cannot sync a directory, and need not.
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw .failed(.write, self.directory, errno)
    }
  }

  private func writeTemporary(_ content: ManifestBytes) throws(ManifestError) -> OpenFile {
    let path = self.temporary
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .failed(.write, path, errno) }
    defer { close(descriptor) }
    // In spite of the umask, and of the file that a crash has left.
    guard fchmod(descriptor, mode_t(content.mode)) == 0 else {
      throw .failed(.write, path, errno)
    }
    var rest = content.bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw .failed(.write, path, errno)
      }
      rest = rest.dropFirst(count)
    }
    guard fsync(descriptor) == 0 else { throw .failed(.write, path, errno) }
    // Not the descriptor for writing: inotify would report its close as a change.
    guard let file = OpenFile(reading: path) else { throw .failed(.write, path, errno) }
    return file
  }
}

/// A file that stays open until the last reference goes.
final class OpenFile: Sendable {
  let descriptor: Int32
  var identity: InodeIdentity? { InodeIdentity(descriptor: self.descriptor) }
  /// Its permissions; `nil` when they are unknown.
  var mode: UInt16? {
    var status = stat()
    return fstat(self.descriptor, &status) == 0 ? UInt16(status.st_mode & 0o7777) : nil
  }

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
struct InodeIdentity: Hashable {
  let device: dev_t
  let inode: ino_t

  /// `nil` when the path is not a regular file.
  init?(path: String) {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    (self.device, self.inode) = (status.st_dev, status.st_ino)
  }

  /// Of what a link leads to; `nil` when there is nothing.
  init?(following path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    (self.device, self.inode) = (status.st_dev, status.st_ino)
  }

  init?(descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    (self.device, self.inode) = (status.st_dev, status.st_ino)
  }
}

/// Why a manifest cannot be read, written or removed.
public enum ManifestError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Action: String, Sendable { case read, write, remove }

  case failed(Action, String, Int32)
  /// The source is empty.
  case empty(String)
  /// The source leads to the destination, by a link or a mount that was changed since the start.
  case isDestination(String, String)
  /// The source's pod may need longer to stop than the elector assumed at its start.
  case graceTooLong(String, Duration, assumed: Duration)
  /// The source cannot be stamped: it is neither YAML nor JSON, or not a pod.
  case notAPod(String, reason: String)
  /// It is installed, but may not survive a crash of the machine.
  case notSynced(String, String)

  /// Whether the destination surely has not changed.
  var leavesDestination: Bool {
    if case .notSynced = self { false } else { true }
  }

  public var description: String {
    switch self {
    case .failed(let action, let path, let errno):
      "cannot \(action.rawValue) \(path): \(String(cString: strerror(errno)))"
    case .empty(let path): "\(path) is empty"
    case .isDestination(let source, let destination):
      "\(source) and \(destination) are the same file: use two files"
    case .graceTooLong(let path, let grace, let assumed):
      """
      the pod in \(path) may need \(grace) to stop, but this elector started with \(assumed) \
      (terminationGracePeriodSeconds, preStop): restart it to use the new manifest
      """
    case .notAPod(let path, let reason): "\(path) is not a pod that can be stamped: \(reason)"
    case .notSynced(let path, let reason):
      "\(path) is installed, but may not survive a crash: \(reason)"
    }
  }
}
