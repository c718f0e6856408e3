import FoundationEssentials
import Glibc
import Synchronization

/// The manifest in the kubelet's directory: absent, or a whole copy of the source.
///
/// All of it blocks, for as long as a disk takes. Calls are to come one after the other.
public final class ManifestFile: Sendable {
  public let source: String
  public var destination: String { self.place.path }
  let place: ManifestPath
  /// The longest grace that a pod may have: others count on it.
  private let longestGrace: Duration?
  /// An empty one leaves the source as it is, byte for byte.
  private let stamp: ManifestStamp
  private let sourceMissing: SourceMissing
  private let copy: Mutex<ManifestCopy>

  /// What becomes of the copy when somebody deletes the source, `--source-missing`. One that cannot be used
  /// is always kept: it may be about to be saved.
  public enum SourceMissing: String, CaseIterable, Sendable {
    case keep
    /// The installation fails, which gives the lock away.
    case release
  }

  /// What an installation came to.
  public enum Installation: Equatable, Sendable {
    case installed
    /// The source cannot be read; the destination is what was installed before.
    case kept(ManifestError)
    /// It was not allowed any more: the destination is as it was.
    case tooLate
  }

  /// - Parameters:
  ///   - longestGrace: a source with a longer ``grace(of:)`` is refused; `nil` takes any.
  ///   - stamp: what is put into the copy; `nil` puts nothing there.
  ///   - deadlineDetection: what a kubelet takes to read of a later deadline, if it is to end the pod by
  ///     itself (``Timing/manifestExpires``). Without this and a stamp the copy is the same as the source,
  ///     byte for byte.
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

  /// How long a kubelet may take to kill the pod of a manifest; `nil` when it cannot be read.
  public static func grace(of path: String) -> Duration? {
    (try? Self.read(path)).flatMap { ElectedPod(manifest: $0)?.grace }
  }

  /// The pod that was in the destination last, else the source's.
  func elected() -> ElectedPod? {
    self.copy.withLock { $0.pod }
      ?? (try? Self.read(self.source)).flatMap { ElectedPod(manifest: $0) }
  }

  /// More than a kubelet reads.
  static let maximumBytes = 16 << 20

  static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  static func name(of path: String) -> String {
    String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...])
  }

  /// Makes the destination absent, and what a crash left beside it.
  public func remove() throws(ManifestError) {
    let isOurs = self.copy.withLock { $0.bytes != nil }
    let left =
      isOurs ? nil : (try? Self.read(self.destination)).flatMap { ElectedPod(manifest: $0) }
    self.copy.withLock { $0.willBeRemoved(leftOver: left) }
    try self.place.remove()
    self.copy.withLock { $0.removed() }
  }

  /// Makes the destination a copy of the source; does nothing when it is one already.
  /// - Parameters:
  ///   - term: for the stamp.
  ///   - end: until when it may stay there, as far as is known now.
  ///   - isAllowed: asked immediately before the rename.
  public func install(
    term: UInt64, until end: ContinuousClock.Instant, while isAllowed: () -> Bool
  ) throws(ManifestError) -> Installation {
    guard let content = try self.content(term: term, until: end) else { return .tooLate }
    do throws(ManifestError) {
      guard try self.place.install(content.bytes, while: isAllowed) else { return .tooLate }
    } catch {
      if !error.leavesDestination { self.note(installed: content) }
      throw error
    }
    self.note(installed: content)
    return content.installation
  }

  /// What the destination is to hold.
  struct Content: Equatable {
    var bytes: [UInt8]
    /// What it was made of.
    fileprivate var source: [UInt8]
    fileprivate var deadline: ManifestCopy.Deadline
    /// Why this was made of what was read earlier.
    var failure: ManifestError?

    var installation: Installation { self.failure.map { .kept($0) } ?? .installed }
  }

  /// - Parameter now: when it will be there at the earliest.
  /// - Returns: `nil` when it is too late for it.
  /// - Throws: when the source cannot be used, and the destination does not hold what was made of an
  ///   earlier one.
  func content(
    term: UInt64, until end: ContinuousClock.Instant, at now: ContinuousClock.Instant = .now
  ) throws(ManifestError) -> Content? {
    do throws(ManifestError) {
      let source = try Self.read(self.source)
      // A file that is being saved; no kubelet could use it.
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
      // It goes on, and so does its deadline.
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
    let deadline = self.copy.withLock {
      $0.deadline(until: until, at: begin) { UUID().uuidString.lowercased() }
    }
    if deadline == .tooLate { return nil }
    let isUnchanged = deadline == .none && self.stamp.isEmpty
    let bytes =
      isUnchanged
      ? source
      : try self.stamp.applied(
        to: source, term: term, expiry: deadline.expiry, source: self.source)
    return Content(bytes: bytes, source: source, deadline: deadline)
  }

  /// To be told what was installed, by whoever does it in this one's place.
  func note(installed content: Content) {
    self.copy.withLock {
      $0.installed(content.bytes, madeOf: content.source, content.deadline, at: .now) {
        ElectedPod(manifest: $0)
      }
    }
  }

  /// The pods that may come of what was there so far.
  var podsSoFar: ManifestCopy.Pods { self.copy.withLock(\.podsSoFar) }

  /// The pods of what an earlier process installed.
  var past: ManifestCopy.Past { self.copy.withLock(\.past) }

  /// To be told that nothing runs any more of these.
  func ended(_ pods: ManifestCopy.Pods) { self.copy.withLock { $0.ended(pods) } }

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
}
