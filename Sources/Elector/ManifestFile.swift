import Glibc
import Synchronization

/// The manifest in the kubelet's directory: absent, or a whole copy of the source.
///
/// All of it blocks, for as long as a disk takes. Calls are to come one after the other.
public final class ManifestFile: Sendable {
  public let source: String
  public var destination: String { self.place.path }
  let place: ManifestPlace
  /// The longest grace that a pod may have: others count on it.
  private let longestGrace: Duration?
  /// `nil` leaves the source as it is, byte for byte.
  private let stamp: ManifestStamp?
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

  /// - Parameters:
  ///   - longestGrace: a source with a longer ``grace(of:)`` is refused; `nil` takes any.
  ///   - stamp: what is put into the copy; `nil` makes it the same as the source, byte for byte.
  public init(
    source: String, destination: String, longestGrace: Duration? = nil,
    stamp: ManifestStamp? = nil
  ) {
    self.stamp = stamp
    self.source = source
    self.place = ManifestPlace(destination)
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
    let isOurs = self.state.withLock { state in
      defer { state.installed = nil }
      return state.installed != nil
    }
    // An earlier run left it: its pod is the one that is to end.
    if !isOurs, let left = (try? Self.read(self.destination)).flatMap({ ElectedPod(manifest: $0) })
    {
      self.state.withLock { $0.elected = left }
    }
    try self.place.remove()
  }

  /// Makes the destination a copy of the source; does nothing when it is one already.
  /// - Parameters:
  ///   - term: for the stamp.
  ///   - isAllowed: asked immediately before the rename.
  public func install(
    term: UInt64, while isAllowed: () -> Bool
  ) throws(ManifestError) -> Installation {
    switch try self.content(term: term) {
    case .failure(let error): return .kept(error)
    case .success(let content):
      do throws(ManifestError) {
        guard try self.place.install(content, while: isAllowed) else { return .tooLate }
      } catch {
        if !error.leavesDestination { self.note(installed: content) }
        throw error
      }
      self.note(installed: content)
      return .installed
    }
  }

  /// What the destination is to hold.
  /// - Returns: a failure when the source cannot be used, but the destination still holds what was
  ///   installed last.
  /// - Throws: when it does not.
  func content(term: UInt64) throws(ManifestError) -> Result<[UInt8], ManifestError> {
    do throws(ManifestError) {
      var content = try Self.read(self.source)
      // A file that is being saved; no kubelet could use it.
      if content.allSatisfy({ $0 == 0x20 || $0 == 0x0A || $0 == 0x0D }) {
        throw ManifestError.empty(self.source)
      }
      if let stamp {
        content = try stamp.applied(to: content, term: term, source: self.source)
      }
      if let longestGrace, self.state.withLock({ $0.installed }) != content,
        let grace = ElectedPod(manifest: content)?.grace, grace > longestGrace
      {
        throw ManifestError.graceTooLong(self.source, grace, reckoned: longestGrace)
      }
      return .success(content)
    } catch {
      if let current = try? Self.read(self.destination),
        self.state.withLock({ $0.installed }) == current
      {
        return .failure(error)
      }
      throw error
    }
  }

  /// To be told what was installed, by whoever does it in this one's place.
  func note(installed content: [UInt8]) {
    if self.state.withLock({ $0.installed }) == content { return }
    let pod = ElectedPod(manifest: content)
    self.state.withLock { $0 = State(installed: content, elected: pod) }
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
}

/// Why the manifest could not be read, written or removed.
public enum ManifestError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Action: String, Sendable { case read, write, remove }

  case failed(Action, String, Int32)
  /// The source has nothing in it.
  case empty(String)
  /// The source's pod may take longer to stop than was reckoned with at the start.
  case graceTooLong(String, Duration, reckoned: Duration)
  /// Nothing can be put into the source: it is no YAML or JSON, or no pod.
  case notAPod(String, reason: String)
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
    case .notAPod(let path, let reason): "\(path) is no pod that can be stamped: \(reason)"
    case .notSynced(let path, let reason): "\(path) was written, but: \(reason)"
    }
  }
}
