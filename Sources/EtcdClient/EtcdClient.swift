import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// A client of etcd's v2 keys API that knows several endpoints.
///
/// It stays with the endpoint that answered last. One that cannot be connected to is passed over
/// within the same call, since it surely has not seen the request; after any other failure the *next*
/// call goes to the next endpoint, because a write that may have been applied must not be sent twice.
///
/// Every call but ``watch(_:waitIndex:recursive:)`` is over, one way or the other, when its time-out
/// has passed. Cancelling the task ends a call at once, with ``EtcdClientError/unanswered(endpoint:reason:)``.
/// ``shutdown()`` has to be called at the end.
///
/// Source: etcd v2 API, and Go's `client/v2` for what stands where in a request.
public final class EtcdClient: Sendable {
  /// Where the cluster is, in the order in which it is tried.
  public let endpoints: [EtcdEndpoint]
  /// The bound of a call that names no other, from its start to the last byte of its answer.
  public let timeout: Duration

  private let http: HTTPClient
  /// The index of the endpoint that the next call goes to.
  private let preferred = Mutex(0)

  /// - Parameters:
  ///   - endpoints: at least one.
  ///   - timeout: the bound of a call that names no other.
  ///   - connectTimeout: how long one endpoint may take to accept a connection. It bounds a watch's
  ///     connecting, too.
  public init(
    endpoints: [EtcdEndpoint], timeout: Duration = .seconds(5),
    connectTimeout: Duration = .seconds(1)
  ) {
    precondition(!endpoints.isEmpty, "an etcd client needs an endpoint")
    self.endpoints = endpoints
    self.timeout = timeout
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

  /// Runs `body` with a client and shuts the client down afterwards.
  @discardableResult
  public static func with<Value: Sendable>(
    endpoints: [EtcdEndpoint], timeout: Duration = .seconds(5),
    _ body: (EtcdClient) async throws -> Value
  ) async throws -> Value {
    let client = EtcdClient(endpoints: endpoints, timeout: timeout)
    let result: Result<Value, any Error>
    do { result = .success(try await body(client)) } catch { result = .failure(error) }
    await client.shutdown()
    return try result.get()
  }

  /// Closes all connections; calls that are still under way fail.
  public func shutdown() async {
    // It fails only when it was done before.
    try? await self.http.shutdown()
  }

  /// Reads a key or a directory.
  /// - Parameters:
  ///   - recursive: with everything below.
  ///   - sorted: a directory's entries in the order of their keys.
  ///   - quorum: ask the cluster's majority, not the one member's own, perhaps outdated, copy.
  ///   - timeout: the bound of this call; `nil` for the client's own.
  public func get(
    _ key: String, recursive: Bool = false, sorted: Bool = false, quorum: Bool = false,
    timeout: Duration? = nil
  ) async throws(EtcdClientError) -> KeysResponse {
    try await self.keys(
      KeysRequest(
        .get, key: key,
        query: [
          ("recursive", recursive ? "true" : nil), ("sorted", sorted ? "true" : nil),
          ("quorum", quorum ? "true" : nil),
        ]),
      within: timeout ?? self.timeout)
  }

  /// Writes a key, or makes a directory.
  ///
  /// When this throws `unanswered` or `malformed`, the write may have been applied or may still be.
  /// - Parameters:
  ///   - value: `nil` sends none, which etcd takes for an empty one except with `refresh` or `dir`.
  ///   - ttlSeconds: the time to live in whole seconds; `nil` for ever.
  ///   - prevExist: `false`: only if it is not there; `true`: only if it is.
  ///   - prevValue: only if it has this value, which cannot be empty.
  ///   - prevIndex: only if its `modifiedIndex` is this.
  ///   - dir: make a directory.
  ///   - refresh: set the time to live alone and wake no watcher; needs `prevExist` true.
  ///   - timeout: the bound of this call; `nil` for the client's own.
  @discardableResult
  public func put(
    _ key: String, value: String? = nil, ttlSeconds: Int64? = nil, prevExist: Bool? = nil,
    prevValue: String? = nil, prevIndex: UInt64? = nil, dir: Bool = false, refresh: Bool = false,
    timeout: Duration? = nil
  ) async throws(EtcdClientError) -> KeysResponse {
    try await self.keys(
      KeysRequest(
        .put, key: key,
        query: [
          ("prevExist", prevExist.map(String.init)), ("prevIndex", prevIndex.map { String($0) }),
          ("prevValue", prevValue), ("dir", dir ? "true" : nil),
        ],
        form: [
          ("value", value), ("ttl", ttlSeconds.map { String($0) }),
          ("refresh", refresh ? "true" : nil),
        ]),
      within: timeout ?? self.timeout)
  }

  /// Removes a key or a directory.
  ///
  /// When this throws `unanswered` or `malformed`, it may have been removed or may still be.
  /// - Parameters:
  ///   - prevIndex: only if its `modifiedIndex` is this.
  ///   - prevValue: only if it has this value, which cannot be empty.
  ///   - recursive: a directory with everything below.
  ///   - dir: an empty directory.
  ///   - timeout: the bound of this call; `nil` for the client's own.
  @discardableResult
  public func delete(
    _ key: String, prevIndex: UInt64? = nil, prevValue: String? = nil, recursive: Bool = false,
    dir: Bool = false, timeout: Duration? = nil
  ) async throws(EtcdClientError) -> KeysResponse {
    try await self.keys(
      KeysRequest(
        .delete, key: key,
        query: [
          ("prevIndex", prevIndex.map { String($0) }), ("prevValue", prevValue),
          ("recursive", recursive ? "true" : nil), ("dir", dir ? "true" : nil),
        ]),
      within: timeout ?? self.timeout)
  }

  /// Waits for one change, for as long as it takes.
  ///
  /// A server that vanishes without a word leaves this waiting: who depends on it reads now and then.
  /// - Parameters:
  ///   - waitIndex: the first index whose change counts, possibly one of the past; `nil` for what
  ///     happens from now on.
  ///   - recursive: changes below the key count, too.
  /// - Throws: `refused` with ``EtcdError/eventIndexCleared`` when `waitIndex` is too far back.
  public func watch(
    _ key: String, waitIndex: UInt64? = nil, recursive: Bool = false
  ) async throws(EtcdClientError) -> KeysResponse {
    try await self.keys(
      KeysRequest(
        .get, key: key,
        query: [
          ("wait", "true"), ("waitIndex", waitIndex.map { String($0) }),
          ("recursive", recursive ? "true" : nil),
        ]),
      within: nil)
  }

  /// Asks one member for its version.
  /// - Parameter timeout: the bound of this call; `nil` for the client's own.
  public func version(timeout: Duration? = nil) async throws(EtcdClientError) -> EtcdVersion {
    let (answer, endpoint) = try await self.send(
      .GET, target: "/version", body: nil, within: timeout ?? self.timeout)
    return try Answer.decode(EtcdVersion.self, from: answer.body, endpoint: endpoint)
  }

  private func keys(
    _ request: KeysRequest, within timeout: Duration?
  ) async throws(EtcdClientError) -> KeysResponse {
    let (answer, endpoint) = try await self.send(
      HTTPMethod(rawValue: request.method.rawValue), target: request.target, body: request.body,
      within: timeout)
    do {
      return try answer.keysResponse(from: endpoint)
    } catch {
      // A member that lost its peers, or something that is no etcd: let the next call try another.
      if case .refused = error {} else { self.leave(endpoint) }
      throw error
    }
  }

  /// Sends to the preferred endpoint, and on to the next while there is no connection.
  private func send(
    _ method: HTTPMethod, target: String, body: String?, within timeout: Duration?
  ) async throws(EtcdClientError) -> (Answer, EtcdEndpoint) {
    let deadline = timeout.map { ContinuousClock.now + $0 }
    let first = self.preferred.withLock { $0 }
    for attempt in 0..<self.endpoints.count {
      let endpoint = self.endpoints[(first + attempt) % self.endpoints.count]
      var request = HTTPClientRequest(url: endpoint.url + target)
      request.method = method
      if let body {
        request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        request.body = .bytes(ByteBuffer(string: body))
      }
      do {
        return (try await self.exchange(request, with: endpoint, until: deadline), endpoint)
      } catch {
        self.leave(endpoint)
        let isLast = attempt == self.endpoints.count - 1 || deadline.map { $0 <= .now } == true
        if case .unreachable = error, !isLast, !Task.isCancelled { continue }
        throw error
      }
    }
    preconditionFailure("the last attempt returns or throws")
  }

  /// Unless another call has moved on already.
  private func leave(_ endpoint: EtcdEndpoint) {
    self.preferred.withLock {
      if self.endpoints[$0] == endpoint { $0 = ($0 + 1) % self.endpoints.count }
    }
  }

  /// One request and its whole answer, or an error when the deadline passes first.
  ///
  /// AsyncHTTPClient's own deadline ends with the answer's head, hence the race.
  private func exchange(
    _ request: HTTPClientRequest, with endpoint: EtcdEndpoint,
    until deadline: ContinuousClock.Instant?
  ) async throws(EtcdClientError) -> Answer {
    guard let deadline else { return try await self.answer(to: request, from: endpoint).get() }
    return try await withTaskGroup(of: Result<Answer, EtcdClientError>.self) { group in
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
      let body = try await response.body.collect(upTo: Answer.maximumBytes)
      return .success(
        Answer(status: Int(response.status.code), headers: response.headers, body: body))
    } catch {
      return .failure(EtcdClientError(failure: error, endpoint: endpoint))
    }
  }
}
