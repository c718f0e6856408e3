import CLinux
import Glibc
import Logging

/// The elector that a guard starts, and its manifests.
public struct GuardedElector: Equatable, Sendable {
  /// The manifests' places.
  public var destinations: [String]
  /// The program's name, and the arguments of its own.
  public var command: [String]
  /// The text of the file that the elector is configured by. It gets the text as the guard has read it: a file that
  /// was changed since, perhaps for the worse, concerns no elector that is started again.
  public var configuration: [UInt8]?

  public init(destinations: [String], command: [String], configuration: [UInt8]? = nil) {
    self.destinations = destinations
    self.command = command
    self.configuration = configuration
  }

  /// The flags by which a guard starts its elector: the number of the socket to itself, and the number of a file with
  /// ``configuration``.
  public static let descriptorFlag = "--guard-descriptor"
  public static let configurationFlag = "--guard-configuration"

  func command(descriptor: Int32, configuration: Int32?) -> [String] {
    var flags = ["\(Self.descriptorFlag)=\(descriptor)"]
    if let configuration { flags.append("\(Self.configurationFlag)=\(configuration)") }
    return self.command.prefix(1) + flags + self.command.dropFirst()
  }
}

/// What a guard has found in its configuration after a `SIGHUP`.
public enum GuardReload: Equatable, Sendable {
  /// There is nothing to do.
  case nothing(reason: String)
  /// It has a mistake: what runs goes on.
  case refused(reason: String)
  /// It is good, and may be as it was.
  case read(GuardedElector)
}

extension GuardProcess {
  // MARK: The elector

  mutating func start() {
    do throws(GuardStartError) {
      let (ours, theirs) = try GuardSocket.pair()
      defer { close(theirs) }
      let file = try self.guarded.configuration.map { text throws(GuardStartError) in
        try Self.memoryFile(text)
      }
      defer { if let file { close(file) } }
      let command = self.guarded.command(descriptor: theirs, configuration: file)
      self.elector = Elector(pid: try Self.spawn(command), socket: ours)
    } catch {
      self.loop.concluded(.notStarted(reason: error.description))
    }
  }

  /// Starts this very program again, even if its file has been replaced meanwhile.
  private static func spawn(_ command: [String]) throws(GuardStartError) -> pid_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // An ignored signal would stay ignored, a blocked one blocked.
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigaddset(&signals, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK))
    var arguments = command.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var pid = pid_t()
    let failure = posix_spawn(&pid, "/proc/self/exe", nil, &attributes, &arguments, environ)
    guard failure == 0 else {
      throw GuardStartError(action: "start /proc/self/exe", errno: failure)
    }
    return pid
  }

  /// A file in memory, which a child inherits.
  private static func memoryFile(_ content: [UInt8]) throws(GuardStartError) -> Int32 {
    let file = clinux_memory_file("configuration")
    guard file >= 0 else { throw GuardStartError(action: "make a file in memory", errno: errno) }
    var written = 0
    while written < content.count {
      let count = content.withUnsafeBytes {
        write(file, $0.baseAddress.map { $0 + written }, content.count - written)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let reason = errno
        close(file)
        throw GuardStartError(action: "write a file in memory", errno: reason)
      }
      written += count
    }
    return file
  }

  // MARK: The configuration

  /// Nothing that is wrong in a new configuration concerns what runs.
  mutating func readAgain() {
    switch self.reload() {
    case .nothing(let reason):
      self.logger.info("nothing to reload", metadata: ["reason": "\(reason)"])
    case .refused(let reason):
      self.logger.error("the new configuration is refused", metadata: ["reason": "\(reason)"])
    case .read(let guarded) where guarded == (self.next?.guarded ?? self.guarded):
      self.logger.info("nothing to reload", metadata: ["reason": "the configuration is as it was"])
    case .read(let guarded):
      let known = self.next?.locks ?? self.locks
      var locks: [ManifestLock] = []
      for destination in guarded.destinations {
        let new = ManifestLock(of: destination)
        let lock = (self.locks + known).first { $0.path == new.path } ?? new
        if case .taken(let owner) = lock.hold() {
          self.logger.error(
            "the new configuration is refused",
            metadata: ["reason": "--dest-file \(destination) belongs to \(owner)"])
          return
        }
        locks.append(lock)
      }
      self.logger.info("the configuration has changed: the elector stops in order, and begins anew")
      self.next = (guarded, locks)
      self.loop.receive(.reconfigured(manifests: guarded.destinations.count))
    }
  }

  mutating func useConfiguration() {
    guard let (guarded, locks) = self.next else { return }
    self.next = nil
    for lock in self.locks where !locks.contains(where: { $0 === lock }) { lock.release() }
    self.guarded = guarded
    self.places = guarded.destinations.map { ManifestPath($0) }
    self.locks = locks
    self.lockFailures = [:]
  }
}

/// Why the elector could not be started.
struct GuardStartError: Error, CustomStringConvertible {
  var action: String
  var errno: Int32

  var description: String { "cannot \(self.action): \(String(cString: strerror(self.errno)))" }
}
