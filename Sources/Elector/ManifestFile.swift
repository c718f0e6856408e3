import Glibc
import Synchronization

/// The manifest in the kubelet's directory: absent, or a whole copy of the source.
///
/// All of it blocks, for as long as a disk takes. Calls are to come one after the other.
///
/// A new copy is written beside the destination under a name that begins with a dot, which kubelets
/// pass over, synced, and renamed; then the directory is synced. Source: rename(2), fsync(2).
public final class ManifestFile: Sendable {
  public let source: String
  public let destination: String
  /// What the destination holds by our own doing.
  private let installed = Mutex<[UInt8]?>(nil)

  /// What an installation came to.
  public enum Installation: Equatable, Sendable {
    case installed
    /// The source cannot be read; the destination is what was installed before.
    case kept(ManifestError)
    /// It was not allowed any more: the destination is as it was.
    case tooLate
  }

  public init(source: String, destination: String) {
    self.source = source
    self.destination = destination
  }

  /// More than a kubelet reads.
  private static let maximumBytes = 16 << 20

  private var directory: String { Self.directory(of: self.destination) }
  /// One name for all attempts, so that a crash leaves one file at most, which the next one replaces.
  private var temporary: String {
    "\(self.directory)/.\(Self.name(of: self.destination)).elector"
  }

  static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  static func name(of path: String) -> String {
    String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...])
  }

  /// Makes the destination absent, and what a crash left beside it.
  public func remove() throws(ManifestError) {
    self.installed.withLock { $0 = nil }
    var isChanged = false
    for path in [self.destination, self.temporary] {
      if unlink(path) == 0 {
        isChanged = true
      } else if errno != ENOENT {
        throw ManifestError.failed(.remove, path, errno)
      }
    }
    if isChanged { try self.syncDirectory() }
  }

  /// Makes the destination a copy of the source; does nothing when it is one already.
  /// - Parameter isAllowed: asked immediately before the rename.
  public func install(while isAllowed: () -> Bool) throws(ManifestError) -> Installation {
    let current = try? Self.read(self.destination)
    let content: [UInt8]
    do throws(ManifestError) {
      content = try Self.read(self.source)
      // A file that is being saved; no kubelet could use it.
      if content.allSatisfy({ $0 == 0x20 || $0 == 0x0A || $0 == 0x0D }) {
        throw ManifestError.empty(self.source)
      }
    } catch {
      if let current, self.installed.withLock({ $0 }) == current { return .kept(error) }
      throw error
    }
    if current == content, self.isRegularFile(self.destination) {
      self.installed.withLock { $0 = content }
      return .installed
    }
    do throws(ManifestError) {
      try Self.write(content, to: self.temporary)
    } catch {
      unlink(self.temporary)
      throw error
    }
    guard isAllowed() else {
      unlink(self.temporary)
      return .tooLate
    }
    guard rename(self.temporary, self.destination) == 0 else {
      let reason = errno
      unlink(self.temporary)
      throw .failed(.write, self.destination, reason)
    }
    self.installed.withLock { $0 = content }
    try self.syncDirectory()
    return .installed
  }

  private func isRegularFile(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
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

  static func read(_ path: String) throws(ManifestError) -> [UInt8] {
    // A pipe without a writer must not hold us up.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .failed(.read, path, errno) }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw .failed(.read, path, errno)
      }
      if count == 0 { return content }
      content += buffer[..<count]
      if content.count > Self.maximumBytes { throw .failed(.read, path, EFBIG) }
    }
  }

  private static func write(_ content: [UInt8], to path: String) throws(ManifestError) {
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
  }
}

/// Why the manifest could not be read, written or removed.
public enum ManifestError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Action: String, Sendable { case read, write, remove }

  case failed(Action, String, Int32)
  /// The source has nothing in it.
  case empty(String)

  public var description: String {
    switch self {
    case .failed(let action, let path, let errno):
      "cannot \(action.rawValue) \(path): \(String(cString: strerror(errno)))"
    case .empty(let path): "\(path) is empty"
    }
  }
}
