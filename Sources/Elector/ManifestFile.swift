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
  /// The longest grace that a pod may have: others count on it.
  private let longestGrace: Duration?
  private let state = Mutex(State())

  private struct State {
    /// What the destination holds by our own doing.
    var installed: [UInt8]?
    /// The pod that was in the destination last, by whomever.
    var elected: ElectedPod?
  }

  /// What an installation came to.
  public enum Installation: Equatable, Sendable {
    case installed
    /// The source cannot be read; the destination is what was installed before.
    case kept(ManifestError)
    /// It was not allowed any more: the destination is as it was.
    case tooLate
  }

  /// - Parameter longestGrace: a source with a longer ``grace(of:)`` is refused; `nil` takes any.
  public init(source: String, destination: String, longestGrace: Duration? = nil) {
    self.source = source
    self.destination = destination
    self.longestGrace = longestGrace
  }

  /// How long a kubelet may take to kill the pod of a manifest; `nil` when it cannot be read.
  public static func grace(of path: String) -> Duration? {
    (try? Self.read(path)).flatMap { ElectedPod(manifest: $0)?.grace }
  }

  /// The pod that was in the destination last, else the source's.
  func elected() -> ElectedPod? {
    self.state.withLock { $0.elected }
      ?? (try? Self.read(self.source)).flatMap { ElectedPod(manifest: $0) }
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
    let isOurs = self.state.withLock { state in
      defer { state.installed = nil }
      return state.installed != nil
    }
    // An earlier run left it: its pod is the one that is to end.
    if !isOurs, let left = (try? Self.read(self.destination)).flatMap({ ElectedPod(manifest: $0) })
    {
      self.state.withLock { $0.elected = left }
    }
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
      if let longestGrace, self.state.withLock({ $0.installed }) != content,
        let grace = ElectedPod(manifest: content)?.grace, grace > longestGrace
      {
        throw ManifestError.graceTooLong(self.source, grace, reckoned: longestGrace)
      }
    } catch {
      if let current, self.state.withLock({ $0.installed }) == current { return .kept(error) }
      throw error
    }
    if current == content, self.isRegularFile(self.destination) {
      self.note(content)
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
    self.note(content)
    do throws(ManifestError) {
      try self.syncDirectory()
    } catch {
      throw .notSynced(self.destination, error.description)
    }
    return .installed
  }

  private func note(_ content: [UInt8]) {
    if self.state.withLock({ $0.installed }) == content { return }
    let pod = ElectedPod(manifest: content)
    self.state.withLock { $0 = State(installed: content, elected: pod) }
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
  /// The source's pod may take longer to stop than was reckoned with at the start.
  case graceTooLong(String, Duration, reckoned: Duration)
  /// It is in place, but may not survive a crash of the machine.
  case notSynced(String, String)

  /// Whether the destination is for sure what it was before.
  var leavesDestination: Bool {
    if case .notSynced = self { false } else { true }
  }

  public var description: String {
    switch self {
    case .failed(let action, let path, let errno):
      "cannot \(action.rawValue) \(path): \(String(cString: strerror(errno)))"
    case .empty(let path): "\(path) is empty"
    case .graceTooLong(let path, let grace, let reckoned):
      """
      the pod in \(path) may take \(grace) to stop (terminationGracePeriodSeconds, preStop), and \
      \(reckoned) was reckoned with when this elector started; restart it to use the new manifest
      """
    case .notSynced(let path, let reason): "\(path) was written, but: \(reason)"
    }
  }
}
