import Glibc
import Logging

/// Carries out what ``Guard`` says, in a process of its own: it starts the elector as its child, and owns
/// the manifests, the clock and the signals. The order of things is `GuardLoop`'s.
///
/// One thread that waits in one `poll`, and no library that starts another one. To be the first process
/// of a container it collects the children of others, too.
public struct GuardProcess {
  var core: Guard
  var loop = GuardLoop()
  var guarded: GuardedElector
  var places: [ManifestPath]
  var locks: [ManifestLock]
  /// What counts as soon as the elector has ended.
  var next: (guarded: GuardedElector, locks: [ManifestLock])?
  let reload: () -> GuardReload
  /// Why a place could not be locked the last time.
  var lockFailures: [Int: String] = [:]
  let logger: Logger
  let timer: BootTimer
  var elector: Elector?

  struct Elector {
    let pid: pid_t
    /// `nil` once it has hung up or made no sense.
    var socket: GuardSocket?
  }

  /// - Parameters:
  ///   - guarded: the elector and its manifests.
  ///   - logger: the log.
  ///   - reload: reads the configuration again, on `SIGHUP`.
  public init(
    _ guarded: GuardedElector, logger: Logger, reload: @escaping () -> GuardReload
  ) {
    self.core = Guard(manifests: guarded.destinations.count, at: .now)
    self.guarded = guarded
    self.places = guarded.destinations.map { ManifestPath($0) }
    self.locks = guarded.destinations.map { ManifestLock(of: $0) }
    self.reload = reload
    self.logger = logger
    self.timer = BootTimer()
    self.loop.receive(.woke)
  }

  /// - Returns: the exit code, when there is nothing left to guard.
  public mutating func run() -> Int32 {
    let signals = SignalDescriptor([SIGCHLD, SIGTERM, SIGINT, SIGHUP])
    // A reader of our log that goes away is no reason to leave.
    signal(SIGPIPE, SIG_IGN)
    for index in self.places.indices {
      if let owner = self.owner(of: index) {
        self.log(.placeTaken(manifest: index, by: owner))
        for lock in self.locks { lock.release() }
        return Guard.takenCode
      }
    }
    while true {
      while let step = self.loop.next() {
        switch step {
        case .handle(let event):
          let effects = self.core.handle(event, at: .now)
          for effect in effects {
            var metadata: Logger.Metadata = ["effect": "\(effect)", "event": "\(event)"]
            if let index = effect.manifest { metadata["file"] = "\(self.places[index].path)" }
            self.logger.trace("effect", metadata: metadata)
          }
          self.loop.decided(effects)
        case .carryOut(.finish(let code)):
          for lock in self.locks { lock.release() }
          return code
        case .carryOut(let effect): self.carryOut(effect)
        case .settled: break
        }
      }
      self.loop.saw(self.look(for: signals))
    }
  }

  private mutating func carryOut(_ effect: Guard.Effect) {
    switch effect {
    case .startElector: self.start()
    case .install(let request):
      let owner = self.owner(of: Int(request.manifest))
      let result =
        owner.map { .failed(reason: "it belongs to \($0)", isUntouched: true) }
        ?? self.install(request)
      self.loop.concluded(.installed(request, result))
      if let owner { self.loop.receive(.placeTaken(manifest: Int(request.manifest), by: owner)) }
    case .remove(let index, let removal, let request):
      let owner = self.owner(of: index)
      let result =
        owner.map { .failed(reason: "it belongs to \($0)") }
        ?? self.remove(removal, at: self.places[index])
      self.loop.concluded(.removed(manifest: index, request: request, result))
      if let owner { self.loop.receive(.placeTaken(manifest: index, by: owner)) }
    case .answer(let answer): self.elector?.socket?.send(answer)
    case .signalElector(let number): if let elector { kill(elector.pid, number) }
    case .killElector: if let elector { kill(elector.pid, SIGKILL) }
    case .useConfiguration: self.useConfiguration()
    case .wake(let instant): self.timer.set(to: instant)
    case .report(let report): self.log(report)
    case .finish: break
    }
  }

  /// Who else has the lock on a place; `nil` when it is ours, or when there is no lock to take, as in a directory
  /// that does not exist yet.
  private mutating func owner(of index: Int) -> String? {
    switch self.locks[index].hold() {
    case .held:
      self.lockFailures[index] = nil
      return nil
    case .taken(let owner): return owner
    case .unavailable(let reason):
      if self.lockFailures[index] != reason {
        self.lockFailures[index] = reason
        self.logger.warning(
          "cannot lock the manifest's place against another elector",
          metadata: ["file": "\(self.locks[index].path)", "reason": "\(reason)"])
      }
      return nil
    }
  }

  private func remove(_ removal: Guard.Removal, at place: ManifestPath) -> Guard.RemovalResult {
    do throws(ManifestError) {
      return .absent(wasThere: try removal == .own ? place.removeOwn() : place.remove())
    } catch {
      return .failed(reason: error.description)
    }
  }

  private mutating func install(_ request: GuardRequest) -> GuardAnswer.Result {
    guard case .install(let until, let content, let before) = request.kind else { return .tooLate }
    do throws(ManifestError) {
      let socket = self.elector?.socket
      let isInstalled = try self.places[Int(request.manifest)].install(content) {
        GuardLoop.mayInstall(
          before: before ?? until, at: .now, isConnected: socket?.isOpen == true)
      }
      return isInstalled ? .done : .tooLate
    } catch {
      return .failed(reason: error.description, isUntouched: error.leavesDestination)
    }
  }

  // MARK: Facts

  /// Waits for something to happen, and finds out what.
  private mutating func look(for signals: SignalDescriptor) -> GuardSight {
    var descriptors = [signals.pollfd, self.timer.pollfd]
    if let socket = self.elector?.socket { descriptors.append(socket.pollfd) }
    var sight = GuardSight()
    guard poll(&descriptors, nfds_t(descriptors.count), -1) > 0 else { return sight }
    sight.signals = signals.take()
    if let index = sight.signals.firstIndex(of: SIGCHLD) {
      sight.signals.remove(at: index)
      sight.electorEnd = self.reap()
    }
    if let index = sight.signals.firstIndex(of: SIGHUP) {
      sight.signals.remove(at: index)
      self.readAgain()
    }
    sight.hasRung = self.timer.take()
    guard let socket = self.elector?.socket else { return sight }
    sight.connection = socket.isOpen ? .open : .closed
    do throws(GuardProtocolError) {
      sight.requests = try self.elector?.socket?.receive() ?? []
    } catch {
      sight.nonsense = error
    }
    if sight.connection == .closed || sight.nonsense != nil { self.elector?.socket = nil }
    return sight
  }

  /// Collects all children that have ended; with process number 1 they need not be ours.
  /// - Returns: how the elector ended, if it did.
  private mutating func reap() -> ElectorEnd? {
    var end: ElectorEnd?
    while true {
      var status: Int32 = 0
      let pid = waitpid(-1, &status, WNOHANG)
      guard pid > 0 else { return end }
      guard pid == self.elector?.pid else { continue }
      self.elector = nil
      let signal = status & 0x7F
      end = signal == 0 ? .code(status >> 8 & 0xFF) : .signal(signal)
    }
  }
}
