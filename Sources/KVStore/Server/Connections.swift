import Glibc
import Logging
import NIOCore
import Synchronization

/// The open connections: counts them, limits them, and tells all of them to stop.
final class Connections: Sendable {
  enum Admission {
    case serve
    /// Answer 503: there are too many.
    case refuse
  }

  let limit: Int

  private struct State {
    var served: [ObjectIdentifier: any Channel] = [:]
    var refusedCount = 0
    var isStopping = false
    var pages: Pages?
    var throttles: [String: LogThrottle] = [:]
  }

  private let state = Mutex(State())
  private let logger: Logger

  init(limit: Int, logger: Logger) {
    self.limit = limit
    self.logger = logger
  }

  /// `nil` until all addresses are bound: the pages name them.
  var pages: Pages? {
    get { self.state.withLock { $0.pages } }
    set { self.state.withLock { $0.pages = newValue } }
  }

  /// - Throws: when the connection has to be closed without an answer: the server stops, or too many are
  ///   being refused.
  func admit(_ channel: any Channel) throws -> Admission {
    let id = ObjectIdentifier(channel)
    let (admission, isStopping) = self.state.withLock { state -> (Admission?, Bool) in
      if state.isStopping { return (nil, true) }
      if state.served.count < self.limit {
        state.served[id] = channel
        return (.serve, false)
      }
      guard state.refusedCount < MaxConnections.refusedAtOnce else { return (nil, false) }
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

  /// Without a descriptor for a new connection the listener tries again in a moment, not in a busy loop.
  func acceptBackoff() -> AcceptBackoffHandler {
    AcceptBackoffHandler { error in
      self.warn(
        "A connection could not be accepted, the listener tries again",
        metadata: ["err": "\(String(cString: strerror(error.errnoCode)))"])
      return .milliseconds(100)
    }
  }

  func handshakeHandler(time: TimeAmount, namesUsers: Bool) -> HandshakeHandler {
    HandshakeHandler(time: time, namesUsers: namesUsers) { client, reason in
      self.warn(
        "A TLS handshake failed", metadata: ["client": "\(client)", "err": "\(reason)"])
    }
  }

  /// Logs a warning, at most one of its kind in a period.
  private func warn(_ message: Logger.Message, metadata: Logger.Metadata) {
    let kind = "\(message)"
    let heldBack = self.state.withLock { $0.throttles[kind, default: LogThrottle()].admit() }
    guard let heldBack else { return }
    var metadata = metadata
    if heldBack > 0 { metadata["more-since-the-last-line"] = "\(heldBack)" }
    self.logger.warning(message, metadata: metadata)
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

  /// Gives the last answers two seconds to leave, then closes the connections of clients that do not read.
  func waitUntilClosed() async {
    let channels = self.state.withLock { Array($0.served.values) }
    for channel in channels {
      channel.eventLoop.scheduleTask(in: .seconds(2)) { channel.close(promise: nil) }
    }
    for channel in channels { try? await channel.closeFuture.get() }
  }
}
