import FoundationEssentials
import Glibc
import Synchronization

/// A source manifest and its stamped copy in the kubelet's directory, which is absent or whole.
///
/// `ManifestCopy` knows what the copy holds, and `ManifestPath` writes and removes it. All methods block
/// for as long as the disk takes. Call one at a time.
public final class ManifestFile: Sendable {
  public let source: String
  public var destination: String { self.place.path }
  let place: ManifestPath
  /// The longest grace that a pod may have; other electors rely on it.
  private let longestGrace: Duration?
  /// An empty one copies the source byte for byte.
  private let stamp: ManifestStamp
  private let sourceMissing: SourceMissing
  private let copy: Mutex<ManifestCopy>
  /// The permissions of the copy, by the source that was read last.
  private let mode = Mutex<UInt16>(0o600)
  /// As this process has left the mark; `nil` before that.
  private let isMarked = Mutex<Bool?>(nil)

  /// What happens to the copy when the source is deleted, `--source-missing`. The copy of an unusable source
  /// always stays, because an editor may be saving it.
  public enum SourceMissing: String, CaseIterable, Sendable {
    case keep
    /// The installation fails, so that the election releases the lock.
    case release
  }

  /// - Parameters:
  ///   - longestGrace: a source with a longer ``grace(of:)`` is refused; `nil` takes any.
  ///   - stamp: additions to the copy; `nil` for none.
  ///   - deadlineDetection: the time within which a kubelet reads a later deadline, if it ends the pod by
  ///     itself (``Timing/manifestExpires``). Without this and a stamp the copy is the source, byte for byte.
  ///   - sourceMissing: what to do when the source is deleted.
  ///   - destination: what is there while this candidate leads.
  ///   - source: the path of the manifest to copy.
  public init(
    source: String, destination: String, longestGrace: Duration? = nil,
    stamp: ManifestStamp? = nil, deadlineDetection: Duration? = nil,
    sourceMissing: SourceMissing = .keep
  ) {
    self.stamp =
      stamp ?? ManifestStamp(key: "", holder: "", annotates: false, tokenVariable: nil)
    self.copy = Mutex(ManifestCopy(deadlineDetection: deadlineDetection))
    self.sourceMissing = sourceMissing
    self.source = source
    self.place = ManifestPath(destination)
    self.longestGrace = longestGrace
  }

  /// The time within which a kubelet kills the pod of a manifest; `nil` when it cannot be read.
  public static func grace(of path: String) -> Duration? {
    (try? Self.read(path)).flatMap { ElectedPod(manifest: $0)?.grace }
  }

  /// Finds out whether the source could be installed, apart from the destination.
  public func checkSource() throws(ManifestError) {
    let source = try Self.read(self.source)
    guard ElectedPod(manifest: source) != nil else {
      throw .notAPod(self.source, reason: "it is no YAML or JSON with a name in metadata")
    }
    _ = try self.stamped(source, term: 1, until: .now + .seconds(3600), at: .now)
  }

  /// The pod that was in the destination last, else the source's.
  func elected() -> ElectedPod? {
    self.copy.withLock { $0.pod }
      ?? (try? Self.read(self.source)).flatMap { ElectedPod(manifest: $0) }
  }

  /// Removes the destination, and what a crash left beside it.
  public func remove() throws(ManifestError) {
    let isOurs = self.copy.withLock { $0.bytes != nil }
    let left =
      isOurs ? nil : (try? Self.read(self.destination)).flatMap { ElectedPod(manifest: $0) }
    self.copy.withLock { $0.willBeRemoved(leftOver: left) }
    let wasThere = try self.place.remove()
    self.copy.withLock { $0.removed(wasThere: wasThere) }
  }

  /// The next content of the destination.
  struct Content: Equatable {
    var bytes: [UInt8]
    var mode: UInt16
    /// What its file holds.
    var file: ManifestBytes { ManifestBytes(self.bytes, mode: self.mode) }
    /// Its source.
    fileprivate var source: [UInt8]
    /// Whether the destination held something else, or nothing, when this was made.
    fileprivate var isAnew: Bool
    fileprivate var deadline: ManifestCopy.Deadline
    /// As ``ManifestCopy/firstWriteEnd``.
    var before: BootInstant?
    /// Why it has an earlier source.
    var failure: ManifestError?
  }

  /// - Parameter now: the earliest time of the installation.
  /// - Returns: `nil` when it is too late.
  /// - Throws: when the source cannot be used, and the destination is not the copy of an earlier one.
  func content(
    term: UInt64, until end: ContinuousClock.Instant, at now: ContinuousClock.Instant = .now
  ) throws(ManifestError) -> Content? {
    do throws(ManifestError) {
      let (source, status) = try Self.content(of: self.source)
      // A directory may give its files a group of its own.
      let group = Self.group(ofFilesIn: Self.directory(of: self.destination))
      let mode = ManifestBytes.mode(
        ofCopy: status.st_mode, isSameGroup: status.st_gid == group)
      self.mode.withLock { $0 = mode }
      if let file = InodeIdentity(following: self.source),
        file == InodeIdentity(following: self.destination)
      {
        throw ManifestError.isDestination(self.source, self.destination)
      }
      // An editor is saving it.
      if source.allSatisfy({ $0 == 0x20 || $0 == 0x0A || $0 == 0x0D }) {
        throw ManifestError.empty(self.source)
      }
      let content = try self.stamped(source, term: term, until: end, at: now)
      if let longestGrace, self.copy.withLock({ $0.source }) != source,
        let grace = ElectedPod(manifest: source)?.grace, grace > longestGrace
      {
        throw ManifestError.graceTooLong(self.source, grace, assumed: longestGrace)
      }
      return content
    } catch {
      if self.sourceMissing == .release, error == .failed(.read, self.source, ENOENT) {
        throw error
      }
      let (installed, source) = self.copy.withLock { ($0.bytes, $0.source) }
      guard let installed, let source, (try? Self.read(self.destination)) == installed else {
        throw error
      }
      // The earlier copy stays, with a later deadline.
      var content = try self.stamped(source, term: term, until: end, at: now)
      content?.failure = error
      return content
    }
  }

  /// - Returns: `nil` when it is too late for a deadline.
  private func stamped(
    _ source: [UInt8], term: UInt64, until end: ContinuousClock.Instant,
    at now: ContinuousClock.Instant
  ) throws(ManifestError) -> Content? {
    let begin = BootInstant(now)
    let until = begin + now.duration(to: end)
    let (deadline, before) = self.copy.withLock {
      ($0.deadline(until: until, at: begin) { UUID().uuidString.lowercased() }, $0.firstWriteEnd)
    }
    if deadline == .tooLate { return nil }
    let isUnchanged = deadline == .none && self.stamp.isEmpty
    let bytes =
      isUnchanged
      ? source
      : try self.stamp.applied(
        to: source, term: term, expiry: deadline.expiry, source: self.source)
    let isAnew = (try? Self.read(self.destination)) != self.copy.withLock { $0.bytes }
    return Content(
      bytes: bytes, mode: self.mode.withLock { $0 }, source: source, isAnew: isAnew,
      deadline: deadline, before: before)
  }

  /// Takes note of an installation, our own or the guard's.
  func note(installed content: Content) {
    self.copy.withLock {
      $0.installed(
        content.bytes, madeOf: content.source, content.deadline, at: .now,
        isAnew: content.isAnew
      ) { ElectedPod(manifest: $0) }
    }
  }

  /// Whether our copy is in place, as far as we know.
  var isInstalled: Bool { self.copy.withLock { $0.bytes != nil } }

  /// The pods of all copies so far.
  var podsSoFar: ManifestCopy.Pods { self.copy.withLock(\.podsSoFar) }

  /// Whether the destination was found absent, and has been so since, and no process has left the mark of a pod that
  /// may run.
  var hasNeverBeen: Bool {
    self.copy.withLock(\.hasNeverBeen) && !ManifestLock.isMarked(at: self.place.lock)
  }

  /// Leaves a mark for processes that come after this one: a pod may run, or none.
  func mark(mayHavePod: Bool) {
    let isNew = self.isMarked.withLock { mark in
      defer { mark = mayHavePod }
      return mark != mayHavePod
    }
    if isNew { ManifestLock.setMark(mayHavePod, at: self.place.lock) }
  }

  /// The pods of what an earlier process installed.
  var past: ManifestCopy.Past { self.copy.withLock(\.past) }

  /// Takes note of the end of these pods.
  func ended(_ pods: ManifestCopy.Pods) { self.copy.withLock { $0.ended(pods) } }
}

extension ManifestFile {
  /// More than a kubelet reads.
  static let maximumBytes = 16 << 20

  package static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  static func name(of path: String) -> String {
    String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...])
  }

  static func read(_ path: String) throws(ManifestError) -> [UInt8] {
    try self.content(of: path).bytes
  }

  /// The group of a file that we make in a directory. Source: open(2), `O_CREAT`.
  private static func group(ofFilesIn directory: String) -> gid_t {
    var status = stat()
    let hasOwn = stat(directory, &status) == 0 && status.st_mode & S_ISGID != 0
    return hasOwn ? status.st_gid : getegid()
  }

  private static func content(
    of path: String
  ) throws(ManifestError) -> (bytes: [UInt8], status: stat) {
    // A pipe without a writer must not block.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .failed(.read, path, errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .failed(.read, path, errno) }
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw .failed(.read, path, errno)
      }
      if count == 0 { return (content, status) }
      content += buffer[..<count]
      if content.count > Self.maximumBytes { throw .failed(.read, path, EFBIG) }
    }
  }
}
