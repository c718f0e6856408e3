/// A request to change the v3 keyspace, or its leases.
package enum RevisionCommand: Equatable, Sendable {
  case put(PutRequest)
  case delete(DeleteRequest)
  case txn(TxnRequest)
  case compact(Int64)
  /// - Parameters:
  ///   - id: 0 for one that is chosen.
  ///   - ttl: in seconds.
  case grant(id: Int64, ttl: Int64)
  case revoke(Int64)
  case keepAlive(Int64)
}

/// What became of a request.
package struct RevisionOutcome: Equatable, Sendable {
  package enum Answer: Equatable, Sendable {
    case put(previous: KeyValue?)
    case delete(count: Int, previous: [KeyValue])
    case txn(TxnAnswer)
    case compacted
    /// - Parameter ttl: in seconds.
    case granted(id: Int64, ttl: Int64)
    case revoked
    /// - Parameter ttl: in seconds; `nil` for an unknown lease.
    case keptAlive(ttl: Int64?)
  }

  package var answer: Answer
  /// The keyspace's, after the request.
  package var revision: Int64
}
