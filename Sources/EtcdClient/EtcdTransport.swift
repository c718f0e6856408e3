import AsyncHTTPClient
import HTTPEndpoint
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Carries requests of either API to one of several endpoints and back, each within a bound.
///
/// It stays with the endpoint that answered last. A request goes on to the next endpoint within the same
/// call while it surely has not been seen, and also after a silence when it may be sent twice without
/// harm. Any other failure makes the *next* call go to the next endpoint.
final class EtcdTransport: Sendable {
  /// One request, before it meets an endpoint.
  struct Call: Sendable {
    var method: HTTPMethod
    /// Path and query.
    var target: String
    var body: String?
    var contentType: String?
    var authorization: String?
    /// Whether being applied twice is no different from being applied once.
    var isRepeatable: Bool
  }

  let endpoints: [EtcdEndpoint]
  let tls: ClientTLS?
  /// The bound of one attempt when there is another endpoint to go to.
  let attemptTimeout: Duration
  let notice: @Sendable (EtcdNotice) -> Void
  private let http: HTTPClient
  private let state: Mutex<State>

  private struct State {
    /// The index of the endpoint that the next call goes to.
    var preferred = 0
    var backoff: Backoff
    /// Before this, no endpoint is tried: all of them have just failed.
    var notBefore: ContinuousClock.Instant?
    var watches: [Int: Watch] = [:]
    var lastWatch = 0
  }

  /// A watch that is under way.
  private struct Watch {
    var endpoint: Int
    /// Finished when the endpoint turned out to be no good.
    var stay: AsyncStream<Never>.Continuation
  }

  /// After this time a watch is asked for anew: a connection that something on the way forgot tells
  /// nothing.
  private let watchAge: Duration

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
    self.state = Mutex(State(backoff: Backoff(longest: longestPause)))
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .follow(max: 4, allowCycles: false),
      timeout: .init(connect: TimeAmount(connectTimeout)))
    configuration.httpVersion = .http1Only
    // Watches hold a connection each and must not keep a write waiting for a free one.
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 4096
    // A refused connection is told at once, so that the next endpoint gets its chance.
    configuration.connectionPool.retryConnectionEstablishment = false
    self.http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  func shutdown() async {
    // It fails only when it was done before.
    try? await self.http.shutdown()
  }

  /// The endpoint that the next call goes to.
  var preferred: EtcdEndpoint { self.endpoints[self.state.withLock { $0.preferred }] }

  /// How many watches are under way.
  var watchCount: Int { self.state.withLock { $0.watches.count } }

  /// Sends a request to the preferred endpoint, and on to the next while that is right.
  /// - Parameter read: makes sense of the answer.
  func send<Value: Sendable>(
    _ call: Call, until deadline: ContinuousClock.Instant,
    _ read: (Answer, EtcdEndpoint) throws(EtcdClientError) -> Value
  ) async throws(EtcdClientError) -> Value {
    if let notBefore = self.state.withLock({ $0.notBefore }), notBefore > .now {
      try? await Task.sleep(until: min(notBefore, deadline), clock: .continuous)
    }
    let first = self.state.withLock { $0.preferred }
    for attempt in 0..<self.endpoints.count {
      let isLast = attempt == self.endpoints.count - 1
      let index = (first + attempt) % self.endpoints.count
      let endpoint = self.endpoints[index]
      // To a write that may have been sent, none of the others is an alternative; to what follows it is.
      let isAlone = self.endpoints.count == 1 || (isLast && call.isRepeatable)
      let end = isAlone ? deadline : min(deadline, .now + self.attemptTimeout)
      do throws(EtcdClientError) {
        let value = try await self.send(call, to: endpoint, until: end, read)
        self.succeeded()
        return value
      } catch {
        if error.isTheStoresWord {
          self.succeeded()
          throw error
        }
        self.leave(index)
        let mayGoOn = call.isRepeatable || !error.isOutcomeUnknown
        if mayGoOn, !isLast, deadline > .now, !Task.isCancelled { continue }
        if isLast { self.allFailed() }
        throw error
      }
    }
    preconditionFailure("the last attempt returns or throws")
  }

  /// Sends a request to one endpoint and no other.
  func send<Value: Sendable>(
    _ call: Call, to endpoint: EtcdEndpoint, until deadline: ContinuousClock.Instant,
    _ read: (Answer, EtcdEndpoint) throws(EtcdClientError) -> Value
  ) async throws(EtcdClientError) -> Value {
    try read(
      try await self.exchange(self.request(call, to: endpoint), endpoint, until: deadline), endpoint
    )
  }

  /// Sends a request whose answer may take for ever, and reads it as it comes.
  ///
  /// When other requests find the endpoint to be dead or dumb, it is asked for anew at the next one, and
  /// it is so from time to time anyhow: `read` may be called several times, but returns once.
  /// - Parameter headTimeout: how long the answer's head may take.
  func watch<Value: Sendable>(
    _ call: Call, headTimeout: Duration,
    _ read: @escaping @Sendable (HTTPClientResponse, EtcdEndpoint) async throws -> Value
  ) async throws(EtcdClientError) -> Value {
    var failures = 0
    while true {
      let (watch, index, stay) = self.addWatch()
      let endpoint = self.endpoints[index]
      let result = await withTaskGroup(of: Result<Value, EtcdClientError>?.self) { group in
        group.addTask { await self.follow(call, endpoint, headTimeout: headTimeout, read) }
        group.addTask {
          for await _ in stay {}
          return nil
        }
        group.addTask {
          // Not all at once: each takes a connection of its own.
          try? await Task.sleep(for: self.watchAge * .random(in: 0.75...1))
          return nil
        }
        let first = await group.next() ?? nil
        group.cancelAll()
        return first
      }
      self.state.withLock { _ = $0.watches.removeValue(forKey: watch) }
      switch result {
      case .success(let value): return value
      case nil:
        if Task.isCancelled { throw .unanswered(endpoint: endpoint, reason: "cancelled") }
        // Many of them that move to another endpoint at one instant could be more than it takes in.
        try? await Task.sleep(for: .milliseconds(Int.random(in: 0...self.watchCount)))
      case .failure(let error):
        if !error.isTheStoresWord { self.leave(index) }
        failures += 1
        if case .unreachable = error, failures < self.endpoints.count, !Task.isCancelled {
          continue
        }
        throw error
      }
    }
  }

  private func follow<Value: Sendable>(
    _ call: Call, _ endpoint: EtcdEndpoint, headTimeout: Duration,
    _ read: @Sendable (HTTPClientResponse, EtcdEndpoint) async throws -> Value
  ) async -> Result<Value, EtcdClientError> {
    do {
      let response = try await self.http.execute(
        self.request(call, to: endpoint), timeout: TimeAmount(headTimeout))
      return .success(try await read(response, endpoint))
    } catch let error as EtcdClientError {
      return .failure(error)
    } catch {
      return .failure(EtcdClientError(failure: error, endpoint: endpoint, tls: self.tls))
    }
  }

  private func request(_ call: Call, to endpoint: EtcdEndpoint) -> HTTPClientRequest {
    var request = HTTPClientRequest(url: endpoint.url + call.target)
    request.method = call.method
    if endpoint.isTLS {
      // A new set of files is another configuration, for which the client opens connections of its own.
      request.tlsConfiguration = self.tls?.configuration { self.notice(EtcdNotice($0)) }
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

  private func addWatch() -> (id: Int, endpoint: Int, stay: AsyncStream<Never>) {
    let (stay, handle) = AsyncStream.makeStream(of: Never.self)
    return self.state.withLock { state in
      state.lastWatch += 1
      state.watches[state.lastWatch] = Watch(endpoint: state.preferred, stay: handle)
      return (state.lastWatch, state.preferred, stay)
    }
  }

  private func succeeded() {
    self.state.withLock {
      $0.backoff.succeeded()
      $0.notBefore = nil
    }
  }

  /// Makes the next endpoint the preferred one, unless another call has moved on already. Where there is
  /// no other one, watches stay where they are: to make them anew is no help to one that has too much to do.
  private func leave(_ index: Int) {
    guard self.endpoints.count > 1 else { return }
    let deaf = self.state.withLock { state -> [Watch] in
      if state.preferred == index { state.preferred = (index + 1) % self.endpoints.count }
      let deaf = state.watches.filter { $0.value.endpoint == index }
      for id in deaf.keys { state.watches.removeValue(forKey: id) }
      return Array(deaf.values)
    }
    for watch in deaf { watch.stay.finish() }
  }

  private func allFailed() {
    self.state.withLock {
      $0.backoff.failed()
      var generator = SystemRandomNumberGenerator()
      $0.notBefore = .now + $0.backoff.pause(using: &generator)
    }
  }

  /// One request and its whole answer, or an error when the deadline passes first.
  ///
  /// AsyncHTTPClient's own deadline ends with the answer's head, hence the race.
  private func exchange(
    _ request: HTTPClientRequest, _ endpoint: EtcdEndpoint, until deadline: ContinuousClock.Instant
  ) async throws(EtcdClientError) -> Answer {
    try await withTaskGroup(of: Result<Answer, EtcdClientError>.self) { group in
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
  ) async -> Result<Answer, EtcdClientError> {
    do {
      let response = try await self.http.execute(request, deadline: .distantFuture)
      return .success(try await Answer(response))
    } catch {
      return .failure(EtcdClientError(failure: error, endpoint: endpoint, tls: self.tls))
    }
  }
}

extension Answer {
  /// Reads an answer to its end.
  init(_ response: HTTPClientResponse) async throws {
    self.init(
      status: Int(response.status.code), headers: response.headers,
      body: try await response.body.collect(upTo: Self.maximumBytes))
  }
}
