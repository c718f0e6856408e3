import Glibc
import Logging
import NIOCore
import Synchronization

/// The connections that are open: they are counted, and all of them can be told to stop.
final class Connections: Sendable {
  /// What becomes of a new connection.
  enum Admission {
    case serve
    /// It is told that there are too many.
    case refuse
  }

  let limit: Int

  private struct State {
    var served: [ObjectIdentifier: any Channel] = [:]
    var refusedCount = 0
    var isStopping = false
    /// What the connections say of the server; `nil` until all addresses are bound.
    var identity: Identity?
    var throttles: [String: LogThrottle] = [:]
  }

  private let state = Mutex(State())
  private let logger: Logger

  init(limit: Int, logger: Logger) {
    self.limit = limit
    self.logger = logger
  }

  var identity: Identity? {
    get { self.state.withLock { $0.identity } }
    set { self.state.withLock { $0.identity = newValue } }
  }

  /// - Throws: when it is to be closed without a word: the server stops, or too many are being refused.
  func admit(_ channel: any Channel) throws -> Admission {
    let id = ObjectIdentifier(channel)
    let (admission, isStopping) = self.state.withLock { state -> (Admission?, Bool) in
      if state.isStopping { return (nil, true) }
      if state.served.count < self.limit {
        state.served[id] = channel
        return (.serve, false)
      }
      guard state.refusedCount < ConnectionLimit.refusedAtOnce else { return (nil, false) }
      state.refusedCount += 1
      return (.refuse, false)
    }
    if admission != .serve, !isStopping {
      self.warn(
        "A connection was refused: there are as many as --max-connections allows",
        metadata: ["max-connections": "\(self.limit)"])
    }
    switch admission {
    case nil: throw ChannelError.ioOnClosedChannel
    case .serve:
      channel.closeFuture.whenComplete { _ in
        _ = self.state.withLock { $0.served.removeValue(forKey: id) }
      }
      return .serve
    case .refuse:
      channel.closeFuture.whenComplete { _ in self.state.withLock { $0.refusedCount -= 1 } }
      return .refuse
    }
  }

  /// When there is no descriptor for a new connection: the listener stays, and tries again in a moment
  /// rather than at once, over and over.
  func acceptBackoff() -> AcceptBackoffHandler {
    AcceptBackoffHandler { error in
      self.warn(
        "A connection could not be taken, the listener tries again",
        metadata: ["err": "\(String(cString: strerror(error.errnoCode)))"])
      return .milliseconds(100)
    }
  }

  func handshakeGuard(time: TimeAmount) -> HandshakeGuard {
    HandshakeGuard(time: time) { client, reason in
      self.warn(
        "A TLS handshake failed", metadata: ["client": "\(client)", "err": "\(reason)"])
    }
  }

  /// Writes a line to the log, unless one of its kind was written a moment ago.
  func warn(_ what: Logger.Message, metadata: Logger.Metadata) {
    let kind = "\(what)"
    let heldBack = self.state.withLock { $0.throttles[kind, default: LogThrottle()].admit() }
    guard let heldBack else { return }
    var metadata = metadata
    if heldBack > 0 { metadata["more-since-the-last-line"] = "\(heldBack)" }
    self.logger.warning(what, metadata: metadata)
  }

  func stop() {
    let channels = self.state.withLock { state in
      state.isStopping = true
      return Array(state.served.values)
    }
    for channel in channels {
      channel.pipeline.fireUserInboundEventTriggered(ConnectionHandler.Stop())
    }
  }

  /// Gives answers that are on their way a moment to leave, then cuts off whoever does not read them.
  func waitUntilClosed() async {
    let channels = self.state.withLock { Array($0.served.values) }
    for channel in channels {
      channel.eventLoop.scheduleTask(in: .seconds(2)) { channel.close(promise: nil) }
    }
    for channel in channels { try? await channel.closeFuture.get() }
  }
}
