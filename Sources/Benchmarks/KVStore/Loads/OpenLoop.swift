/// Requests at a fixed rate, whether or not earlier ones are answered, as a value.
///
/// Request `i` is due at `i / rate`, and takes a connection that waits for no answer. While there is none, the request
/// waits. Its latency counts from the instant at which it is due, so a server that stands still for a moment pays for
/// each request that was due meanwhile. A client that sends only after an answer would have sent none of them, and
/// would show one slow request instead of many (coordinated omission).
///
/// All instants count from the start of the loop.
package struct OpenLoop: Equatable, Sendable {
  /// A request to send, and the connection to send it over; both count from 0.
  package struct Sending: Equatable, Sendable {
    package let request: Int
    package let connection: Int
  }

  /// Requests in a second.
  package let rate: Int
  package let count: Int
  package let connections: Int

  private var sent = 0
  /// From the instant when a request was due to the end of its answer, in the order of the answers.
  package private(set) var latencies: [Duration] = []
  /// The request that each connection has under way.
  private var underWay: [Int?]
  /// The idle connections as a ring: they take turns, and none stays unused.
  private var idle: [Int]
  private var firstIdle = 0
  private var idleCount: Int

  /// - Parameters: all at least 1.
  package init(rate: Int, duration: Duration, connections: Int) {
    precondition(rate > 0 && connections > 0, "\(rate) /s over \(connections) connections")
    self.rate = rate
    self.count = max(1, Int((duration / .seconds(1) * Double(rate)).rounded()))
    self.connections = connections
    self.underWay = [Int?](repeating: nil, count: connections)
    self.idle = Array(0..<connections)
    self.idleCount = connections
    self.latencies.reserveCapacity(self.count)
  }

  package func due(_ request: Int) -> Duration {
    .nanoseconds(request * 1_000_000_000 / self.rate)
  }

  /// Whether each request has its answer.
  package var isDone: Bool { self.latencies.count == self.count }

  /// When to ask ``next(at:)`` again; `nil` while only an answer lets another request go, and after the last one.
  package var wake: Duration? {
    self.sent < self.count && self.idleCount > 0 ? self.due(self.sent) : nil
  }

  /// The next request that has to go now; ask until there is none.
  package mutating func next(at now: Duration) -> Sending? {
    guard let due = self.wake, due <= now else { return nil }
    let connection = self.idle[self.firstIdle]
    self.firstIdle = (self.firstIdle + 1) % self.connections
    self.idleCount -= 1
    let sending = Sending(request: self.sent, connection: connection)
    self.underWay[connection] = self.sent
    self.sent += 1
    return sending
  }

  /// A connection has the whole answer to its request.
  /// - Returns: that request; `nil` for an answer to none.
  @discardableResult
  package mutating func answered(by connection: Int, at now: Duration) -> Int? {
    guard let request = self.underWay[connection] else { return nil }
    self.underWay[connection] = nil
    self.idle[(self.firstIdle + self.idleCount) % self.connections] = connection
    self.idleCount += 1
    self.latencies.append(now - self.due(request))
    return request
  }
}

/// The quantiles that the table shows of an ``OpenLoop``.
package enum Tail: String, CaseIterable, Sendable {
  case p50
  case p99
  case p999 = "p99.9"

  package var fraction: Double {
    switch self {
    case .p50: 0.5
    case .p99: 0.99
    case .p999: 0.999
    }
  }
}
