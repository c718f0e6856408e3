import NIOCore
import NIOHTTP2

/// One client's HTTP/2 connection, as a value: facts go in, actions come out.
///
/// It knows how many streams are open, not what is on them. ``HTTP2ConnectionHandler`` reports what happens, with the
/// instant, and carries out the actions in their order.
///
/// Invariants:
/// 1. A client that pings an idle connection too often is told so and closed, as etcd does; whatever is sent to it in
///    between makes up for its pings.
/// 2. After the server's stop no stream is admitted. Calls whose request is complete are answered for a bounded time,
///    all others end at once.
/// 3. The connection closes when the last bytes have left, and waits a bounded time for the client to hang up: closing
///    with unread bytes would reset the connection, and the last answers could be lost.
/// 4. Nothing follows ``Action/close``.
struct HTTP2ConnectionState {
  enum Fact {
    case opened
    case pinged
    /// Of a stream that was admitted.
    case streamClosed(isPage: Bool)
    case serverStopped
    /// The time of ``Action/startStopTimer`` is over.
    case stopTimePassed
    case idleCheckDue
    /// The client has broken HTTP/2, and it was told so.
    case broken
    /// The last GOAWAY, and so all before it, has left.
    case allWritten
    /// The time of ``Action/closeOutput`` is over.
    case lingered
    /// The client has closed its direction of the connection.
    case inputClosed
    /// The connection is broken, or both directions are closed.
    case lost
  }

  enum Action: Equatable {
    /// With a report of ``Fact/allWritten`` after the last one.
    case goAway(HTTP2ErrorCode, String, isLast: Bool)
    /// Ends the calls whose request is not complete, or all.
    case endCalls(all: Bool)
    case stopPages
    case startStopTimer
    case checkIdleness(in: TimeAmount)
    case closeOutput(lingeringFor: TimeAmount)
    case close
  }

  private enum Phase {
    /// Next: `stopping`, `closing`, `lingering`, `closed`.
    case serving
    /// No stream is admitted; the open ones are waited for. Next: `closing`, `closed`.
    case stopping
    /// The last bytes are on their way. Next: `lingering`, `closed`.
    case closing
    /// Nothing more is sent. Next: `closed`.
    case lingering
    /// Final.
    case closed
  }

  private let limits: ConnectionLimits
  private var phase = Phase.serving
  private var streamCount = 0
  private var pageCount = 0
  private var lastActivity: NIODeadline
  private var lastPing: NIODeadline?
  private var earlyPings = 0

  init(limits: ConnectionLimits, openedAt now: NIODeadline) {
    self.limits = limits
    self.lastActivity = now
  }

  var isServing: Bool { self.phase == .serving }

  /// Counts a new stream.
  /// - Returns: whether it is served; if not, its client may try again elsewhere.
  mutating func admit(isPage: Bool) -> Bool {
    guard self.isServing, !isPage || self.pageCount < self.limits.wire.pages else { return false }
    self.streamCount += 1
    if isPage { self.pageCount += 1 }
    return true
  }

  mutating func received(at now: NIODeadline) { self.lastActivity = now }

  /// An answer, or a part of it, is sent.
  mutating func answered() { self.earlyPings = 0 }

  mutating func handle(_ fact: Fact, at now: NIODeadline) -> [Action] {
    switch (fact, self.phase) {
    case (_, .closed): return []
    case (.lost, _), (.inputClosed, _), (.lingered, .lingering): return self.close()
    case (.opened, _), (.idleCheckDue, _): return self.checkIdleness(at: now)
    case (.pinged, .serving), (.pinged, .stopping): return self.pinged(at: now)
    case (.streamClosed(let isPage), _):
      self.streamCount -= 1
      self.lastActivity = now
      if isPage { self.pageCount -= 1 }
      return self.phase == .stopping && self.streamCount == 0 ? self.finish(.noError) : []
    case (.serverStopped, .serving):
      guard self.streamCount > 0 else { return self.finish(.noError) }
      self.phase = .stopping
      return [
        .goAway(.noError, "", isLast: false), .startStopTimer, .stopPages, .endCalls(all: false),
      ]
    case (.stopTimePassed, .stopping): return [.endCalls(all: true)]
    case (.broken, .serving), (.broken, .stopping), (.broken, .closing), (.allWritten, .closing):
      self.phase = .lingering
      return [.endCalls(all: true), .closeOutput(lingeringFor: self.limits.lingerTime)]
    case (.pinged, _), (.serverStopped, _), (.stopTimePassed, _), (.broken, _), (.allWritten, _),
      (.lingered, _):
      return []
    }
  }

  private mutating func pinged(at now: NIODeadline) -> [Action] {
    defer { self.lastPing = now }
    guard let lastPing, now - lastPing < self.limits.wire.pingPause else { return [] }
    self.earlyPings += 1
    guard self.earlyPings > self.limits.wire.earlyPings else { return [] }
    return self.finish(.enhanceYourCalm, "too_many_pings")
  }

  private mutating func checkIdleness(at now: NIODeadline) -> [Action] {
    let due = self.lastActivity + self.limits.idleTime
    if due <= now {
      switch self.phase {
      case .serving where self.streamCount == 0:
        // Once more, for a client that does not read.
        return self.finish(.noError) + [.checkIdleness(in: self.limits.idleTime)]
      case .closing, .lingering: return self.close()
      case .serving, .stopping, .closed: break
      }
    }
    return [.checkIdleness(in: max(due - now, min(self.limits.idleTime, .seconds(10))))]
  }

  private mutating func finish(_ code: HTTP2ErrorCode, _ text: String = "") -> [Action] {
    self.phase = .closing
    return [.goAway(code, text, isLast: true)]
  }

  private mutating func close() -> [Action] {
    self.phase = .closed
    return [.endCalls(all: true), .close]
  }
}
