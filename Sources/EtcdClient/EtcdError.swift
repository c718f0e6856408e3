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
