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
    case .refused, .declined, .denied, .unreachable, .apiMissing: false
    }
  }

  /// Whether the answer is the store's own, so that every other member would answer the same.
  var isFromStore: Bool {
    switch self {
    case .refused, .declined, .denied: true
    case .unreachable, .apiMissing, .unanswered, .malformed: false
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
      key and start them with --etcd-api=v3
      """
    case .apiMissing(let endpoint, _):
      """
      etcd at \(endpoint) has no /v3: etcd 3.4 or newer is needed for v3; with an older one, stop all \
      electors of this key and start them with --etcd-api=v2
      """
    case .unanswered(let endpoint, let reason): "no answer from etcd at \(endpoint): \(reason)"
    case .malformed(let endpoint, let reason):
      "the answer from \(endpoint) is not etcd's: \(reason)"
    }
  }
}
