import HTTPEndpoint

/// Why a request failed.
public enum EtcdClientError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The v2 API refused the request. Nothing has changed.
  case refused(EtcdError)
  /// The v3 API refused the request. Nothing has changed.
  case declined(EtcdGatewayError)
  /// The server requires a user, another password, or a role with more rights. Nothing has changed.
  case denied(endpoint: EtcdEndpoint, reason: String)
  /// No connection to any endpoint, or none that both sides trust; it names the last endpoint. Nothing
  /// has changed.
  case unreachable(endpoint: EtcdEndpoint, reason: String)
  /// The server does not have this API. Nothing has changed.
  case apiMissing(endpoint: EtcdEndpoint, EtcdAPI)
  /// No API is recorded for the key, and this endpoint does not say whether it has v2, where others may
  /// hold the key. Nothing has changed.
  case apiUndecided(endpoint: EtcdEndpoint, reason: String)
  /// The record says that the key is in another API than this client is to use. Nothing has changed.
  case otherAPI(key: String, recorded: EtcdAPI, wanted: EtcdAPI)
  /// Time-out, broken connection, cancellation, or an etcd that gave up half-way: the server **may have
  /// applied** a write, or may still do so.
  case unanswered(endpoint: EtcdEndpoint, reason: String)
  /// The answer is not etcd's. The server may have applied a write.
  case malformed(endpoint: EtcdEndpoint, reason: String)

  /// The v2 API's error code, if it refused the request.
  public var errorCode: Int? {
    if case .refused(let error) = self { error.errorCode } else { nil }
  }

  /// Whether the server may have applied a write, or may still do so.
  public var isOutcomeUnknown: Bool {
    switch self {
    case .unanswered, .malformed: true
    case .refused, .declined, .denied, .unreachable, .apiMissing, .apiUndecided, .otherAPI: false
    }
  }

  /// Whether the answer is the store's own, so that every other member would answer the same.
  var isFromStore: Bool {
    switch self {
    case .refused, .declined, .denied: true
    case .unreachable, .apiMissing, .apiUndecided, .otherAPI, .unanswered, .malformed: false
    }
  }

  public var description: String {
    switch self {
    case .refused(let error): error.description
    case .declined(let error): error.description
    case .denied(let endpoint, let reason): "etcd at \(endpoint) denies access: \(reason)"
    case .unreachable(let endpoint, let reason): "cannot reach etcd at \(endpoint): \(reason)"
    case .apiMissing(let endpoint, .v2):
      """
      etcd at \(endpoint) has no v2 API: start it with --enable-v2=true, or stop all electors of this \
      key and move it to v3 (docs/operate/etcd.md)
      """
    case .apiMissing(let endpoint, _):
      """
      etcd at \(endpoint) serves no /v3: set enable-grpc-gateway: true, which a config file of 3.4 leaves off; \
      before 3.4, start all electors of this key with --etcd-api=v2
      """
    case .apiUndecided(let endpoint, let reason):
      """
      \(endpoint) does not say whether it has the v2 API (\(reason)): start it, take it out of the list, \
      or name the API with --etcd-api
      """
    case .otherAPI(let key, let recorded, let wanted):
      """
      /\(key) records \(recorded), not \(wanted): use that, or stop all electors of this key and write \
      \(wanted) there
      """
    case .unanswered(let endpoint, let reason): "no answer from etcd at \(endpoint): \(reason)"
    case .malformed(let endpoint, let reason):
      "the answer from \(endpoint) is not etcd's: \(reason)"
    }
  }
}

/// An error of etcd's v2 API, from the answer's body.
///
/// Source: etcd v2 API, `errorcode.md`.
public struct EtcdError: Error, Equatable, Sendable, Decodable, CustomStringConvertible {
  public var errorCode: Int
  public var message: String
  /// The subject: a key, an index, a parameter's name.
  public var cause: String?
  /// The store's index at the refusal.
  public var index: UInt64
  /// The cluster's ID, from the answer's head; `nil` without one.
  public var clusterID: UInt64?

  public init(
    errorCode: Int, message: String, cause: String? = nil, index: UInt64 = 0,
    clusterID: UInt64? = nil
  ) {
    self.errorCode = errorCode
    self.message = message
    self.cause = cause
    self.index = index
    self.clusterID = clusterID
  }

  private enum CodingKeys: CodingKey { case errorCode, message, cause, index }

  /// The key does not exist.
  public static let keyNotFound = 100
  /// The key has another `prevIndex` or `prevValue`.
  public static let compareFailed = 101
  /// The key is a directory.
  public static let notAFile = 102
  /// The key exists already (`prevExist=false`).
  public static let nodeExists = 105
  /// No user, or a user without the right.
  static let unauthorized = 110
  /// The event is no longer in the history: read again.
  public static let eventIndexCleared = 401

  public var description: String {
    "etcd error \(self.errorCode): \(self.message)\(self.cause.map { " (\($0))" } ?? "")"
  }
}

/// An error of etcd's v3 API, from its JSON gateway.
public struct EtcdGatewayError: Error, Equatable, Sendable, CustomStringConvertible {
  /// gRPC's status code.
  public var code: Int
  public var message: String

  public init(code: Int, message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { self.message }
}

/// What an operator of the client should read once.
public enum EtcdNotice: Equatable, Sendable, CustomStringConvertible {
  /// The API in use from now on, with the server's version for v3.
  case usesAPI(EtcdAPI, version: String?)
  /// The choice of the API could not be recorded in this key.
  case unrecordedAPI(EtcdAPI, key: String, reason: String)
  /// By the server's clock more time has passed than by ours, which a pause of this machine explains.
  case stoodStill(for: Duration)
  /// The server's shortest TTL is longer than the requested one.
  case longerTTL(asked: Int64, granted: Int64)
  case tlsReloaded
  /// The new files do not belong together: the old ones stay in use.
  case tlsNotReloaded(ClientTLSError)

  init(tlsFailure: ClientTLSError?) {
    self = tlsFailure.map { .tlsNotReloaded($0) } ?? .tlsReloaded
  }

  /// Whether an operator should act on it.
  public var isWarning: Bool {
    switch self {
    case .usesAPI, .tlsReloaded: false
    case .unrecordedAPI, .stoodStill, .longerTTL, .tlsNotReloaded: true
    }
  }

  public var description: String {
    switch self {
    case .usesAPI(let api, let version):
      "using etcd's \(api) API" + (version.map { " (etcd \($0))" } ?? "")
    case .unrecordedAPI(let api, let key, let reason):
      """
      the choice of \(api) cannot be recorded in /\(key), so every member must answer at each start: \
      \(reason)
      """
    case .stoodStill(let duration):
      """
      this machine stood still for \(duration), or the clock of etcd's server was set ahead: our leases are \
      that much older
      """
    case .longerTTL(let asked, let granted):
      """
      etcd's shortest lease is \(granted) s instead of \(asked) s: a takeover after a crash takes that \
      much longer
      """
    case .tlsReloaded: "the TLS files have changed; the new ones are in use"
    case .tlsNotReloaded(let error):
      "the TLS files have changed, but the old ones stay in use: \(error)"
    }
  }
}
