import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// An elector's connection with its guard.
///
/// One that is closed, or over which a request is not answered in time, is lost for good: the guard is
/// dead or stopped, and it will find that we have hung up before it does anything else.
public final class GuardLink: Sendable {
  private let channel: any Channel
  private let patience: Duration
  private let state: State

  /// Takes over the socket that the guard has made.
  /// - Parameters:
  ///   - descriptor: its number, as on our command line.
  ///   - patience: how long an answer may take.
  /// - Throws: ``GuardLinkError`` when it is no socket.
  public static func connect(descriptor: Int32, patience: Duration) async throws -> GuardLink {
    var type: Int32 = 0
    var size = socklen_t(MemoryLayout.size(ofValue: type))
    guard getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 else {
      throw GuardLinkError(descriptor: descriptor, errno: errno)
    }
    let state = State()
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(AnswerHandler(state: state))
        }
      }
      .withConnectedSocket(descriptor).get()
    return GuardLink(channel: channel, patience: patience, state: state)
  }

  private init(channel: any Channel, patience: Duration, state: State) {
    self.channel = channel
    self.patience = patience
    self.state = state
  }

  /// Asks the guard for something and waits for its answer, at the longest until then. The guard is not lost
  /// by a limit that has passed.
  func ask(
    _ kind: GuardRequest.Kind, manifest: UInt16 = 0, until limit: ContinuousClock.Instant? = nil
  ) async -> GuardRequests.Conclusion {
    let needsDisk = if case .extend = kind { false } else { true }
    if needsDisk { await self.state.takeTurn() }
    defer { if needsDisk { self.state.endTurn() } }
    do {
      return try await self.send(kind, manifest: manifest, until: limit).get()
    } catch {
      preconditionFailure("a request to the guard has no conclusion: \(error)")
    }
  }

  private func send(
    _ kind: GuardRequest.Kind, manifest: UInt16, until limit: ContinuousClock.Instant?
  ) -> EventLoopFuture<GuardRequests.Conclusion> {
    let loop = self.channel.eventLoop
    let promise = loop.makePromise(of: GuardRequests.Conclusion.self)
    guard let request = self.state.add(kind, manifest, promise) else { return promise.futureResult }
    let patience = self.patience
    self.state.keep(
      loop.scheduleTask(in: TimeAmount(patience)) {
        if self.state.ranOutOfPatience(with: request.id, after: patience) {
          self.channel.close(promise: nil)
        }
      }, for: request.id)
    if let limit {
      let rest = ContinuousClock.now.duration(to: limit)
      let timer = loop.scheduleTask(in: TimeAmount(rest)) {
        self.state.reachedLimit(of: request.id)
      }
      promise.futureResult.whenComplete { _ in timer.cancel() }
    }
    self.channel.writeAndFlush(ByteBuffer(bytes: request.bytes), promise: nil)
    return promise.futureResult
  }

  /// Waits until the guard is lost.
  /// - Returns: `nil` when the task was cancelled.
  func lost() async -> GuardLost? {
    for await _ in self.state.end {}
    return self.loss
  }

  /// Why it was lost, if it was.
  var loss: GuardLost? { self.state.loss }

  /// Runs ``GuardRequests`` and keeps what its conclusions go to.
  private final class State: Sendable {
    private struct Waiting {
      var requests = GuardRequests()
      var promises: [UInt32: EventLoopPromise<GuardRequests.Conclusion>] = [:]
      /// Each rings when its request has been open for as long as a guard may take.
      var timers: [UInt32: Scheduled<Void>] = [:]
      /// How many more requests that need the disk may be under way at once: a guard does one after the
      /// other, and one that has hundreds to do must not seem to be silent, nor keep an extension waiting.
      var freeTurns = 4
      var turns: [CheckedContinuation<Void, Never>] = []
    }
    private let waiting = Mutex(Waiting())
    /// Ends when the guard is lost.
    let end: AsyncStream<Never>
    private let announcement: AsyncStream<Never>.Continuation

    init() {
      (self.end, self.announcement) = AsyncStream.makeStream()
    }

    var loss: GuardLost? { self.waiting.withLock { $0.requests.loss } }

    func takeTurn() async {
      await withCheckedContinuation { turn in
        let isFree = self.waiting.withLock { waiting in
          guard waiting.freeTurns > 0 else {
            waiting.turns.append(turn)
            return false
          }
          waiting.freeTurns -= 1
          return true
        }
        if isFree { turn.resume() }
      }
    }

    func endTurn() {
      let next: CheckedContinuation<Void, Never>? = self.waiting.withLock { waiting in
        if waiting.turns.isEmpty { waiting.freeTurns += 1 }
        return waiting.turns.isEmpty ? nil : waiting.turns.removeFirst()
      }
      next?.resume()
    }

    /// - Returns: what to send; `nil` when the guard is lost, which the promise says.
    func add(
      _ kind: GuardRequest.Kind, _ manifest: UInt16,
      _ promise: EventLoopPromise<GuardRequests.Conclusion>
    ) -> GuardRequest? {
      let (request, loss) = self.waiting.withLock { waiting in
        let request = waiting.requests.send(kind, manifest: manifest)
        if let request { waiting.promises[request.id] = promise }
        return (request, waiting.requests.loss)
      }
      if request == nil { promise.succeed(.lost(loss ?? .closed)) }
      return request
    }

    func keep(_ timer: Scheduled<Void>, for id: UInt32) {
      self.waiting.withLock { $0.timers[id] = timer }
    }

    func answered(_ answer: GuardAnswer) {
      let (promise, timer, conclusion) = self.waiting.withLock { waiting in
        (
          waiting.promises.removeValue(forKey: answer.id),
          waiting.timers.removeValue(forKey: answer.id), waiting.requests.answered(answer)
        )
      }
      timer?.cancel()
      if let conclusion { promise?.succeed(conclusion) }
    }

    func reachedLimit(of id: UInt32) {
      let (promise, conclusion) = self.waiting.withLock { waiting in
        let conclusion = waiting.requests.reachedLimit(of: id)
        return (conclusion.flatMap { _ in waiting.promises.removeValue(forKey: id) }, conclusion)
      }
      if let conclusion { promise?.succeed(conclusion) }
    }

    /// - Returns: whether to close the connection.
    func ranOutOfPatience(with id: UInt32, after patience: Duration) -> Bool {
      self.waiting.withLock { $0.requests.ranOutOfPatience(with: id, after: patience) }
    }

    func closed() {
      let (promises, timers, loss) = self.waiting.withLock { waiting in
        let (ids, loss) = waiting.requests.closed()
        defer { (waiting.promises, waiting.timers) = ([:], [:]) }
        return (ids.compactMap { waiting.promises[$0] }, Array(waiting.timers.values), loss)
      }
      for timer in timers { timer.cancel() }
      for promise in promises { promise.succeed(.lost(loss)) }
      self.announcement.finish()
    }
  }

  private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let state: State
    private var frames = GuardFrames()

    init(state: State) {
      self.state = state
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      self.frames.append(self.unwrapInboundIn(data).readableBytesView)
      do {
        while let message = try self.frames.next() { self.state.answered(try GuardAnswer(message)) }
      } catch {
        context.close(promise: nil)
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
      self.state.closed()
    }
  }
}

/// Why there is no connection with a guard.
public struct GuardLinkError: Error, Equatable, Sendable, CustomStringConvertible {
  public var descriptor: Int32
  public var errno: Int32

  public var description: String {
    "descriptor \(self.descriptor) is no socket: \(String(cString: strerror(self.errno)))"
  }
}

/// The guard is gone, so nobody would take the manifest away in our place.
public enum GuardLost: Error, Equatable, Sendable, CustomStringConvertible {
  case closed
  case silent(for: Duration)

  public var description: String {
    switch self {
    case .closed: "the guard has ended"
    case .silent(let duration): "the guard has not answered for \(duration)"
    }
  }
}

/// One of the manifests of a guard.
public struct GuardedManifest: Sendable {
  let link: GuardLink
  let manifest: UInt16

  /// - Parameters:
  ///   - manifest: its index among the destinations with which the guard started.
  ///   - link: the connection to the guard.
  public init(link: GuardLink, manifest: UInt16 = 0) {
    self.link = link
    self.manifest = manifest
  }

  /// - Parameter limit: the end of the wait for an answer; `nil` to wait until the guard answers or is lost.
  func ask(
    _ kind: GuardRequest.Kind, until limit: ContinuousClock.Instant? = nil
  ) async -> GuardRequests.Conclusion {
    await self.link.ask(kind, manifest: self.manifest, until: limit)
  }
}
