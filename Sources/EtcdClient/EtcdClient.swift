import AsyncHTTPClient
import HTTPEndpoint
import NIOHTTP1

/// A client of etcd's v2 keys API that knows several endpoints.
///
/// It stays with the endpoint that answered last. One that cannot be connected to is passed over
/// within the same call, since it surely has not seen the request; one that says nothing is passed over
/// by a read, while after a write the *next* call goes to the next endpoint, because a write that may
/// have been applied must not be sent twice.
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

  let transport: EtcdTransport
  let credentials: EtcdCredentials?

  /// - Parameters:
  ///   - endpoints: at least one.
  ///   - timeout: the bound of a call that names no other.
  ///   - attemptTimeout: the bound of one attempt when there is another endpoint to go to; half of
  ///     `timeout` by default.
  ///   - connectTimeout: how long one endpoint may take to accept a connection. It bounds a watch's
  ///     connecting, too.
  ///   - longestPause: the most that a call waits before it starts, after all endpoints have failed.
  ///   - watchAge: after this, a watch's connection is taken for forgotten and made anew.
  ///   - tls: for endpoints with `https`; `nil` trusts whom the system trusts.
  ///   - credentials: sent with each request; `nil` for a cluster without users.
  ///   - notice: told what a person should read once.
  public init(
    endpoints: [EtcdEndpoint], timeout: Duration = .seconds(5), attemptTimeout: Duration? = nil,
    connectTimeout: Duration = .seconds(5), longestPause: Duration = .zero,
    watchAge: Duration = .seconds(60), tls: ClientTLS? = nil, credentials: EtcdCredentials? = nil,
    notice: @escaping @Sendable (EtcdNotice) -> Void = { _ in }
  ) {
    precondition(!endpoints.isEmpty, "an etcd client needs an endpoint")
    self.endpoints = endpoints
    self.timeout = timeout
    self.credentials = credentials
    self.transport = EtcdTransport(
      endpoints: endpoints, attemptTimeout: attemptTimeout ?? timeout / 2,
      connectTimeout: connectTimeout, longestPause: longestPause, watchAge: watchAge, tls: tls,
      notice: notice)
  }

  /// Runs `body` with a client and shuts the client down afterwards.
  @discardableResult
  public static func with<Value: Sendable>(
    endpoints: [EtcdEndpoint], timeout: Duration = .seconds(5),
    _ body: (EtcdClient) async throws -> Value
  ) async throws -> Value {
    try await EtcdClient(endpoints: endpoints, timeout: timeout).run(body)
  }

  /// Runs `body` with this client and shuts it down afterwards.
  @discardableResult
  public func run<Value: Sendable>(
    _ body: (EtcdClient) async throws -> Value
  ) async throws -> Value {
    let result: Result<Value, any Error>
    do { result = .success(try await body(self)) } catch { result = .failure(error) }
    await self.shutdown()
    return try result.get()
  }

  /// Closes all connections; calls that are still under way fail.
  public func shutdown() async {
    await self.transport.shutdown()
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
      within: timeout)
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
      within: timeout)
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
      within: timeout)
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
    let request = KeysRequest(
      .get, key: key,
      query: [
        ("wait", "true"), ("waitIndex", waitIndex.map { String($0) }),
        ("recursive", recursive ? "true" : nil),
      ])
    do {
      return try await self.transport.watch(self.call(request), headTimeout: self.timeout) {
        try await Answer($0).keysResponse(from: $1)
      }
    } catch {
      if case .denied = error { _ = self.credentials?.reread() }
      throw error
    }
  }

  /// Asks one member for its version.
  /// - Parameter timeout: the bound of this call; `nil` for the client's own.
  public func version(timeout: Duration? = nil) async throws(EtcdClientError) -> EtcdVersion {
    try await self.transport.send(
      EtcdTransport.Call(method: .GET, target: "/version", isRepeatable: true),
      until: .now + (timeout ?? self.timeout)
    ) { answer, endpoint throws(EtcdClientError) in
      try Answer.decode(EtcdVersion.self, from: answer.body, endpoint: endpoint)
    }
  }

  /// Whether one endpoint has the v2 API, whatever it says in it.
  func hasV2(at endpoint: EtcdEndpoint, within timeout: Duration) async throws(EtcdClientError)
    -> Bool
  {
    do {
      _ = try await self.transport.send(
        self.call(KeysRequest(.get, key: "", query: [])), to: endpoint, until: .now + timeout
      ) { answer, endpoint throws(EtcdClientError) in try answer.keysResponse(from: endpoint) }
      return true
    } catch {
      switch error {
      case .refused, .denied: return true
      case .apiMissing: return false
      case .declined, .unreachable, .unanswered, .malformed: throw error
      }
    }
  }

  private func keys(
    _ request: KeysRequest, within timeout: Duration?
  ) async throws(EtcdClientError) -> KeysResponse {
    let deadline = ContinuousClock.now + (timeout ?? self.timeout)
    func attempt() async throws(EtcdClientError) -> KeysResponse {
      try await self.transport.send(self.call(request), until: deadline) {
        answer, endpoint throws(EtcdClientError) in try answer.keysResponse(from: endpoint)
      }
    }
    do {
      return try await attempt()
    } catch {
      guard case .denied = error, self.credentials?.reread() == true else { throw error }
      return try await attempt()
    }
  }

  private func call(_ request: KeysRequest) -> EtcdTransport.Call {
    EtcdTransport.Call(
      method: HTTPMethod(rawValue: request.method.rawValue), target: request.target,
      body: request.body, contentType: "application/x-www-form-urlencoded",
      authorization: self.credentials?.basic, isRepeatable: request.method == .get)
  }
}
