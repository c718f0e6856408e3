import EtcdClient

/// The lock key as this process holds it.
public struct Lease: Equatable, Sendable {
  /// Us, as far as we know of our last change; a renewal and a release are compared with its index.
  public var holder: Holder
  /// When the request that was granted last was sent. The store counts the lease's time from later.
  public var sentAt: Instant

  /// Constant over renewals and larger for each new holder, hence a fencing token.
  public var term: UInt64 { self.holder.term }
  public var modifiedIndex: UInt64 { self.holder.modifiedIndex }
}
