import AsyncHTTPClient
import HTTPEndpoint
import NIOHTTP1

/// A client of etcd's v2 keys API with several endpoints.
///
/// It stays with the endpoint that answered last. When it cannot connect to an endpoint, the same call
/// tries the next one, since the server surely has not seen the request. When an endpoint does not answer,
/// a read tries the next one in the same call; after a write the *next* call does, because a write that may
/// have been applied must not be sent twice. Redirects are not followed.
///
/// Every call but ``watch(_:waitIndex:recursive:onWait:)`` ends before its time-out has passed. Cancelling the
/// task ends a call at once, with ``EtcdClientError/unanswered(endpoint:reason:)``. Call ``shutdown()`` at
/// the end.
///
/// Source: etcd v2 API, and Go's `client/v2` for the layout of a request.
public final class EtcdClient: Sendable {
  /// The cluster's members, in the order in which they are tried.
  public let endpoints: [EtcdEndpoint]
  /// The default bound of a call, from its start to the last byte of its answer.
  public let timeout: Duration

  let transport: EtcdTransport
  let credentials: EtcdCredentials?

  /// - Parameters:
  ///   - endpoints: at least one.
  ///   - timeout: the default bound of a call.
  ///   - attemptTimeout: the bound of one attempt while there is another endpoint to try; half of
  ///     `timeout` by default.
  ///   - connectTimeout: the bound of one connection attempt, also of a watch.
  ///   - longestPause: the longest pause before a call, after all endpoints have failed.
  ///   - watchAge: the age at which a watch reconnects, in case a router has forgotten its connection.
  ///   - tls: for endpoints with `https`; `nil` trusts the system's authorities.
  ///   - credentials: sent with each request; `nil` for a cluster without users.
  ///   - notice: gets what an operator should read once.
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

  /// Closes all connections; calls in progress fail.
  public func shutdown() async {
    await self.transport.shutdown()
  }

  /// Reads a key or a directory.
  /// - Parameters:
  ///   - key: with or without its leading slash.
  ///   - recursive: with everything below.
  ///   - sorted: a directory's entries in the order of their keys.
  ///   - quorum: read from the cluster's majority, not from one member's copy, which may be outdated.
  ///   - timeout: the bound of this call; `nil` for the client's default.
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

  /// Writes a key or creates a directory.
  ///
  /// When this throws `unanswered` or `malformed`, the server may have applied the write, or may still do
  /// so.
  /// - Parameters:
  ///   - key: with or without its leading slash.
  ///   - value: `nil` sends none; etcd then writes an empty value, except with `refresh` or `dir`.
  ///   - ttlSeconds: the TTL; `nil` for none.
  ///   - prevExist: `false`: only if the key does not exist; `true`: only if it does.
  ///   - prevValue: only if the key has this value, which cannot be empty.
  ///   - prevIndex: only if this is the key's `modifiedIndex`.
  ///   - dir: create a directory.
  ///   - refresh: only set the TTL, without waking watchers; needs `prevExist` true.
  ///   - timeout: the bound of this call; `nil` for the client's default.
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
  /// When this throws `unanswered` or `malformed`, the server may have removed it, or may still do so.
  /// - Parameters:
  ///   - key: with or without its leading slash.
  ///   - prevIndex: only if this is the key's `modifiedIndex`.
  ///   - prevValue: only if the key has this value, which cannot be empty.
  ///   - recursive: a directory with everything below.
  ///   - dir: an empty directory.
  ///   - timeout: the bound of this call; `nil` for the client's default.
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

  /// Waits for one change, without a time-out.
  ///
  /// It does not notice that a server vanishes: a caller that depends on changes also reads periodically.
  /// - Parameters:
  ///   - key: with or without its leading slash.
  ///   - waitIndex: the first index that counts, possibly a past one; `nil` for changes from now on.
  ///   - recursive: changes below the key count, too.
  ///   - onWait: called whenever a server has taken the request, with its index. If it has such a change, that
  ///     follows at once; else there was none from `waitIndex` up to this index.
  /// - Throws: `refused` with ``EtcdError/eventIndexCleared`` when `waitIndex` is too far back.
  public func watch(
    _ key: String, waitIndex: UInt64? = nil, recursive: Bool = false,
    onWait: @escaping @Sendable (_ index: UInt64) -> Void = { _ in }
  ) async throws(EtcdClientError) -> KeysResponse {
    let request = KeysRequest(
      .get, key: key,
      query: [
        ("wait", "true"), ("waitIndex", waitIndex.map { String($0) }),
        ("recursive", recursive ? "true" : nil),
      ])
    do {
      return try await self.transport.watch(self.call(request), headTimeout: self.timeout) {
        if $0.status == .ok, let index = $0.headers.first(name: "X-Etcd-Index") {
          UInt64(index).map(onWait)
        }
        return try await HTTPAnswer($0).keysResponse(from: $1)
      }
    } catch {
      if case .denied = error { _ = self.credentials?.reread() }
      throw error
    }
  }

  /// Reads one member's version.
  /// - Parameter timeout: the bound of this call; `nil` for the client's default.
  public func version(timeout: Duration? = nil) async throws(EtcdClientError) -> EtcdVersion {
    try await self.transport.send(
      EtcdTransport.Call(method: .GET, target: "/version", isRepeatable: true),
      until: .now + (timeout ?? self.timeout)
    ) { answer, endpoint throws(EtcdClientError) in
      guard answer.status == 200 else { throw answer.failure(from: endpoint, api: .auto) }
      return try answer.value(EtcdVersion.self, from: endpoint)
    }
  }

  /// Whether one endpoint has the v2 API, whatever its answer.
  func hasV2(
    at endpoint: EtcdEndpoint, until deadline: ContinuousClock.Instant
  ) async throws(EtcdClientError) -> Bool {
    do {
      _ = try await self.transport.send(
        self.call(KeysRequest(.get, key: "", query: [])), to: endpoint, until: deadline
      ) { answer, endpoint throws(EtcdClientError) in try answer.keysResponse(from: endpoint) }
      return true
    } catch {
      switch error {
      case .refused, .denied: return true
      case .apiMissing: return false
      case .declined, .unreachable, .unanswered, .malformed, .apiUndecided, .otherAPI: throw error
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

  func call(_ request: KeysRequest) -> EtcdTransport.Call {
    EtcdTransport.Call(
      method: HTTPMethod(rawValue: request.method.rawValue), target: request.target,
      body: request.body, contentType: "application/x-www-form-urlencoded",
      authorization: self.credentials?.basic, isRepeatable: request.method == .get)
  }
}

/// The answer to `/version`.
public struct EtcdVersion: Equatable, Sendable, Decodable {
  /// The member's own version, for example `3.4.23`.
  public var etcdserver: String
  /// The cluster's protocol version; `not_decided` right after the start.
  public var etcdcluster: String
}

/// An etcd member's address, for example `http://127.0.0.1:2379`.
public typealias EtcdEndpoint = HTTPEndpoint

/// Why a text is not an ``EtcdEndpoint``.
public typealias EtcdEndpointError = HTTPEndpointError

/// An API of etcd.
public enum EtcdAPI: String, CaseIterable, Sendable, CustomStringConvertible {
  /// What is recorded for the key; else v2 if a server has it, and v3 if every server says that it has no v2.
  case auto
  case v2
  case v3

  public var description: String { self.rawValue }
}
