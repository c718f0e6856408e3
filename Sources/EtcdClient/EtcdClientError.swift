import HTTPEndpoint

/// etcd's own error, as it stands in the answer's body.
///
/// Source: etcd v2 API, `errorcode.md`.
public struct EtcdError: Error, Equatable, Sendable, Decodable, CustomStringConvertible {
  public var errorCode: Int
  public var message: String
  /// What it is about: a key, an index, a parameter's name.
  public var cause: String?
  /// The store's index when it refused.
  public var index: UInt64
  /// Which cluster it was, from the answer's head; `nil` when it did not tell.
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

  /// There is no such key.
  public static let keyNotFound = 100
  /// `prevIndex` or `prevValue` is not what the key has.
  public static let compareFailed = 101
  /// A file was asked for, but there is a directory.
  public static let notAFile = 102
  /// The key is there already (`prevExist=false`).
  public static let nodeExists = 105
  /// Without a user, or not this one's to do.
  static let unauthorized = 110
  /// The event asked for is no longer in the history: read anew.
  public static let eventIndexCleared = 401

  public var description: String {
    "etcd error \(self.errorCode): \(self.message)\(self.cause.map { " (\($0))" } ?? "")"
  }
}

/// The v3 API's own error, as its JSON gateway tells it.
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

/// Why a request was not answered as wished.
public enum EtcdClientError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The server answered no. Nothing was changed.
  case refused(EtcdError)
  /// The server answered no, by its v3 API. Nothing was changed.
  case declined(EtcdGatewayError)
  /// The server wants a user, another password, or a role with more rights. Nothing was changed.
  case denied(endpoint: EtcdEndpoint, reason: String)
  /// There was no connection to any endpoint, or none that both sides trusted; the last one tried is
  /// named. Nothing was changed.
  case unreachable(endpoint: EtcdEndpoint, reason: String)
  /// The server does not offer this API. Nothing was changed.
  case apiMissing(endpoint: EtcdEndpoint, EtcdAPI)
  /// Time-out, broken connection, cancellation, or an etcd that gave up half-way: a write **may have
  /// been applied, or may still be**.
  case unanswered(endpoint: EtcdEndpoint, reason: String)
  /// What answered is no etcd. A write may have been applied.
  case malformed(endpoint: EtcdEndpoint, reason: String)

  /// The server's error code in its v2 API, if it was the server that said no.
  public var errorCode: Int? {
    if case .refused(let error) = self { error.errorCode } else { nil }
  }

  /// Whether a write may have been applied, or may still be.
  public var isOutcomeUnknown: Bool {
    switch self {
    case .unanswered, .malformed: true
    case .refused, .declined, .denied, .unreachable, .apiMissing: false
    }
  }

  /// Whether it was the store that said so, and any other member would say the same.
  var isTheStoresWord: Bool {
    switch self {
    case .refused, .declined, .denied: true
    case .unreachable, .apiMissing, .unanswered, .malformed: false
    }
  }

  public var description: String {
    switch self {
    case .refused(let error): error.description
    case .declined(let error): error.description
    case .denied(let endpoint, let reason): "etcd at \(endpoint) lets us not do this: \(reason)"
    case .unreachable(let endpoint, let reason): "cannot reach etcd at \(endpoint): \(reason)"
    case .apiMissing(let endpoint, .v2):
      """
      etcd at \(endpoint) has no v2 API: start it with --enable-v2=true, or stop all electors of this \
      key and start them with --etcd-api=v3
      """
    case .apiMissing(let endpoint, _): "\(endpoint) has no v3 API that this program knows"
    case .unanswered(let endpoint, let reason): "no answer from etcd at \(endpoint): \(reason)"
    case .malformed(let endpoint, let reason): "\(endpoint) does not answer as etcd does: \(reason)"
    }
  }
}
