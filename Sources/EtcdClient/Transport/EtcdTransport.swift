import AsyncHTTPClient
import HTTPEndpoint
import NIOCore
import NIOHTTP1
import Synchronization

/// Carries requests of either API to one of several endpoints and back, each within a bound.
///
/// It stays with the endpoint that answered last. Within one call, a request goes on to the next endpoint
/// while the server surely has not seen it, and after a silence if it may be sent twice. After any other
/// failure the *next* call goes to the next endpoint.
final class EtcdTransport: Sendable {
  /// One request, before an endpoint is chosen.
  struct Call: Sendable {
    var method: HTTPMethod
    /// Path and query.
    var target: String
    var body: String?
    var contentType: String?
    var authorization: String?
    /// Whether applying it twice is the same as applying it once.
    var isRepeatable: Bool
  }

  let endpoints: [EtcdEndpoint]
  let tls: ClientTLS?
  let notice: @Sendable (EtcdNotice) -> Void
  let http: HTTPClient
  let choice: Mutex<EndpointChoice>
  /// After this time a watch reconnects: a forgotten connection reports nothing.
  let watchAge: Duration
  /// The bound of one attempt while there is another endpoint to try.
  private let attemptTimeout: Duration
  private let begin = ContinuousClock.now
  private let standstill = Mutex(Standstill())

  init(
    endpoints: [EtcdEndpoint], attemptTimeout: Duration, connectTimeout: Duration,
    longestPause: Duration, watchAge: Duration, tls: ClientTLS?,
    notice: @escaping @Sendable (EtcdNotice) -> Void
  ) {
    self.endpoints = endpoints
    self.tls = tls
    self.attemptTimeout = attemptTimeout
    self.watchAge = watchAge
    self.notice = notice
    self.choice = Mutex(EndpointChoice(count: endpoints.count, longestPause: longestPause))
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow, timeout: .init(connect: TimeAmount(connectTimeout)))
    configuration.httpVersion = .http1Only
    // Each watch holds a connection; a write must not wait for a free one.
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 4096
    // A refused connection fails at once, so that the next endpoint is tried.
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.http1_1ConnectionDebugInitializer = { $0.keepAlive() }
    self.http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  func shutdown() async {
    // It fails only when it is shut down already.
    try? await self.http.shutdown()
  }

  /// The endpoint that the next call goes to.
  var preferred: EtcdEndpoint { self.endpoints[self.choice.withLock { $0.preferred }] }

  /// Sends a request to the preferred endpoint, and to the next ones as far as that is safe.
  /// - Parameter read: parses the answer.
  func send<Value: Sendable>(
    _ call: Call, until deadline: ContinuousClock.Instant,
    _ read: (HTTPAnswer, EtcdEndpoint) throws(EtcdClientError) -> Value
  ) async throws(EtcdClientError) -> Value {
    if let notBefore = self.choice.withLock({ $0.notBefore }), notBefore > .now {
      try? await Task.sleep(until: min(notBefore, deadline), clock: .continuous)
    }
    let first = self.choice.withLock { $0.preferred }
    for attempt in 0..<self.endpoints.count {
      let isLast = attempt == self.endpoints.count - 1
      let index = (first + attempt) % self.endpoints.count
      let endpoint = self.endpoints[index]
      // A write that may have been sent goes to no other endpoint, but the call after it does.
      let isAlone = self.endpoints.count == 1 || (isLast && call.isRepeatable)
      let end = isAlone ? deadline : min(deadline, .now + self.attemptTimeout)
      do throws(EtcdClientError) {
        let value = try await self.send(call, to: endpoint, until: end, read)
        self.choice.withLock { $0.succeeded() }
        return value
      } catch {
        if error.isFromStore {
          self.choice.withLock { $0.succeeded() }
          throw error
        }
        self.leave(index)
        let mayGoOn = call.isRepeatable || !error.isOutcomeUnknown
        if mayGoOn, !isLast, deadline > .now, !Task.isCancelled { continue }
        if isLast { self.choice.withLock { $0.allFailed(at: .now) } }
        throw error
      }
    }
    preconditionFailure("the last attempt returns or throws")
  }

  /// Sends a request to one endpoint and no other.
  func send<Value: Sendable>(
    _ call: Call, to endpoint: EtcdEndpoint, until deadline: ContinuousClock.Instant,
    _ read: (HTTPAnswer, EtcdEndpoint) throws(EtcdClientError) -> Value
  ) async throws(EtcdClientError) -> Value {
    let sent = self.begin.duration(to: .now)
    let answer = try await self.exchange(
      self.request(call, to: endpoint), endpoint, until: deadline)
    self.compareClocks(answer, endpoint, sent: sent)
    return try read(answer, endpoint)
  }

  /// The time for which this machine stood still, as far as the servers' clocks have shown.
  var timeStoodStill: Duration { self.standstill.withLock(\.total) }

  private func compareClocks(_ answer: HTTPAnswer, _ endpoint: EtcdEndpoint, sent: Duration) {
    guard let date = answer.headers.first(name: "Date").flatMap(Standstill.date) else { return }
    let received = self.begin.duration(to: .now)
    let lost = self.standstill.withLock {
      $0.heard(from: endpoint, date: date, sent: sent, received: received)
    }
    if let lost { self.notice(.stoodStill(for: lost)) }
  }

  /// Makes the next endpoint the preferred one and moves the watches of this one.
  func leave(_ index: Int) {
    for watch in self.choice.withLock({ $0.leave(index) }) { watch.stay.finish() }
  }

  func request(_ call: Call, to endpoint: EtcdEndpoint) -> HTTPClientRequest {
    var request = HTTPClientRequest(url: endpoint.url + call.target)
    request.method = call.method
    if endpoint.isTLS {
      // The client opens new connections for each configuration, that is after the files have changed.
      request.tlsConfiguration = self.tls?.configuration { self.notice(EtcdNotice(tlsFailure: $0)) }
    }
    if let authorization = call.authorization {
      request.headers.add(name: "Authorization", value: authorization)
    }
    if let body = call.body {
      if let type = call.contentType { request.headers.add(name: "Content-Type", value: type) }
      request.body = .bytes(ByteBuffer(string: body))
    }
    return request
  }

  /// One request and its whole answer; an error when the deadline passes first.
  ///
  /// AsyncHTTPClient's own deadline ends with the answer's head, hence the race.
  private func exchange(
    _ request: HTTPClientRequest, _ endpoint: EtcdEndpoint, until deadline: ContinuousClock.Instant
  ) async throws(EtcdClientError) -> HTTPAnswer {
    try await withTaskGroup(of: Result<HTTPAnswer, EtcdClientError>.self) { group in
      group.addTask { await self.answer(to: request, from: endpoint) }
      group.addTask {
        let isOver = (try? await Task.sleep(until: deadline, clock: .continuous)) != nil
        return .failure(
          .unanswered(endpoint: endpoint, reason: isOver ? "timed out" : "cancelled"))
      }
      let first = await group.next()
      group.cancelAll()
      return first ?? .failure(.unanswered(endpoint: endpoint, reason: "cancelled"))
    }.get()
  }

  private func answer(
    to request: HTTPClientRequest, from endpoint: EtcdEndpoint
  ) async -> Result<HTTPAnswer, EtcdClientError> {
    do {
      let response = try await self.http.execute(request, deadline: .distantFuture)
      return .success(try await HTTPAnswer(response))
    } catch {
      return .failure(EtcdClientError(failure: error, endpoint: endpoint, tls: self.tls))
    }
  }
}
