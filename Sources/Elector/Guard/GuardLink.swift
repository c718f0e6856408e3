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
  private let turns = GuardTurns()

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

  /// Asks the guard for something and waits for its answer.
  /// - Throws: ``GuardLost``, at once when it was lost before.
  func ask(_ kind: GuardRequest.Kind, manifest: UInt16 = 0) async throws -> GuardAnswer.Result {
    try await self.turns.take(kind) { try await self.send(kind, manifest: manifest).get() }
  }

  /// The same, but waits no longer than until then; the guard is not lost by that.
  /// - Returns: `nil` when the answer has not come: nobody knows what became of the request.
  func ask(
    _ kind: GuardRequest.Kind, manifest: UInt16 = 0, until limit: ContinuousClock.Instant
  ) async throws -> GuardAnswer.Result? {
    try await self.turns.take(kind) {
      try await self.answer(to: self.send(kind, manifest: manifest), until: limit)
    }
  }

  private func answer(
    to request: EventLoopFuture<GuardAnswer.Result>, until limit: ContinuousClock.Instant
  ) async throws -> GuardAnswer.Result? {
    let first = self.channel.eventLoop.makePromise(of: GuardAnswer.Result?.self)
    request.map { $0 }.cascade(to: first)
    let rest = ContinuousClock.now.duration(to: limit)
    let timer = self.channel.eventLoop.scheduleTask(in: TimeAmount(rest)) { first.succeed(nil) }
    first.futureResult.whenComplete { _ in timer.cancel() }
    return try await first.futureResult.get()
  }

  private func send(
    _ kind: GuardRequest.Kind, manifest: UInt16
  ) -> EventLoopFuture<GuardAnswer.Result> {
    let promise = self.channel.eventLoop.makePromise(of: GuardAnswer.Result.self)
    guard let id = self.state.add(promise) else { return promise.futureResult }
    let patience = self.patience
    let overdue = self.channel.eventLoop.scheduleTask(in: TimeAmount(patience)) {
      self.state.suspect(.silent(for: patience))
      self.channel.close(promise: nil)
    }
    promise.futureResult.whenComplete { _ in overdue.cancel() }
    let bytes = GuardRequest(id: id, manifest: manifest, kind).bytes
    self.channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
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

  /// Which requests wait for their answers.
  private final class State: Sendable {
    private struct Waiting {
      var lastID: UInt32 = 0
      var promises: [UInt32: EventLoopPromise<GuardAnswer.Result>] = [:]
      var suspicion: GuardLost?
      var loss: GuardLost?
    }
    private let waiting = Mutex(Waiting())
    /// Ends when the guard is lost.
    let end: AsyncStream<Never>
    private let announcement: AsyncStream<Never>.Continuation

    init() {
      (self.end, self.announcement) = AsyncStream.makeStream()
    }

    var loss: GuardLost? { self.waiting.withLock { $0.loss } }

    /// - Returns: the request's number; `nil` when the guard is lost, and the promise is broken.
    func add(_ promise: EventLoopPromise<GuardAnswer.Result>) -> UInt32? {
      let result = self.waiting.withLock { waiting -> Result<UInt32, GuardLost> in
        if let loss = waiting.loss { return .failure(loss) }
        waiting.lastID &+= 1
        waiting.promises[waiting.lastID] = promise
        return .success(waiting.lastID)
      }
      switch result {
      case .success(let id): return id
      case .failure(let loss):
        promise.fail(loss)
        return nil
      }
    }

    func answered(_ answer: GuardAnswer) {
      self.waiting.withLock { $0.promises.removeValue(forKey: answer.id) }?.succeed(answer.result)
    }

    /// Why the connection is about to be closed.
    func suspect(_ loss: GuardLost) {
      self.waiting.withLock { if $0.suspicion == nil { $0.suspicion = loss } }
    }

    /// Nobody learns of it before we have hung up: what still waits to be read over there is not to be
    /// carried out then.
    func closed() {
      let (loss, promises) = self.waiting.withLock { waiting in
        let loss = waiting.loss ?? waiting.suspicion ?? .closed
        waiting.loss = loss
        defer { waiting.promises = [:] }
        return (loss, waiting.promises.values)
      }
      for promise in promises { promise.fail(loss) }
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

/// Lets only a few requests that need the disk be under way at a time: a guard does one after the other,
/// and one that has hundreds to do must not seem to be silent, nor keep an extension waiting.
private final class GuardTurns: Sendable {
  private struct State {
    var free = 4
    var waiting: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())

  func take<Value: Sendable>(
    _ kind: GuardRequest.Kind, _ work: () async throws -> Value
  ) async throws -> Value {
    if case .extend = kind { return try await work() }
    await withCheckedContinuation { turn in
      let isNext = self.state.withLock { state in
        guard state.free > 0 else {
          state.waiting.append(turn)
          return false
        }
        state.free -= 1
        return true
      }
      if isNext { turn.resume() }
    }
    defer {
      let next: CheckedContinuation<Void, Never>? = self.state.withLock { state in
        guard !state.waiting.isEmpty else {
          state.free += 1
          return nil
        }
        return state.waiting.removeFirst()
      }
      next?.resume()
    }
    return try await work()
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
