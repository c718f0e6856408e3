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

  public init(errorCode: Int, message: String, cause: String? = nil, index: UInt64 = 0) {
    self.errorCode = errorCode
    self.message = message
    self.cause = cause
    self.index = index
  }

  /// There is no such key.
  public static let keyNotFound = 100
  /// `prevIndex` or `prevValue` is not what the key has.
  public static let compareFailed = 101
  /// A file was asked for, but there is a directory.
  public static let notAFile = 102
  /// The key is there already (`prevExist=false`).
  public static let nodeExists = 105
  /// The event asked for is no longer in the history: read anew.
  public static let eventIndexCleared = 401

  public var description: String {
    "etcd error \(self.errorCode): \(self.message)\(self.cause.map { " (\($0))" } ?? "")"
  }
}

/// Why a request was not answered as wished.
public enum EtcdClientError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The server answered no. Nothing was changed.
  case refused(EtcdError)
  /// There was no connection to any endpoint; the last one tried is named. Nothing was changed.
  case unreachable(endpoint: EtcdEndpoint, reason: String)
  /// Time-out, broken connection, cancellation, or an etcd that gave up half-way: a write **may have
  /// been applied, or may still be**.
  case unanswered(endpoint: EtcdEndpoint, reason: String)
  /// What answered is no etcd, or not one that speaks the v2 API. A write may have been applied.
  case malformed(endpoint: EtcdEndpoint, reason: String)

  /// The server's error code, if it was the server that said no.
  public var errorCode: Int? {
    if case .refused(let error) = self { error.errorCode } else { nil }
  }

  public var description: String {
    switch self {
    case .refused(let error): error.description
    case .unreachable(let endpoint, let reason): "cannot reach etcd at \(endpoint): \(reason)"
    case .unanswered(let endpoint, let reason): "no answer from etcd at \(endpoint): \(reason)"
    case .malformed(let endpoint, let reason): "\(endpoint) does not answer as etcd does: \(reason)"
    }
  }
}
