/// What a call of the v3 API may ask for.
public struct CallLimits: Sendable {
  /// Bytes of a request. Source: `DefaultMaxRequestBytes`.
  public var requestBytes = 3 << 19
  /// Operations, or comparisons, of a transaction. Source: `DefaultMaxTxnOps`.
  public var operations = 128

  public init() {}

  /// Bytes of a message that are read at all. Source: `grpcOverheadBytes`.
  var messageBytes: Int { self.requestBytes + (512 << 10) }
}
