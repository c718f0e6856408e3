/// A call of the v3 API about a leased key, and its reply, as values: for the gateway, and for a simulation.
package enum GatewayCall: Sendable {
  case range(Gateway.RangeRequest)
  /// - Parameter isRepeatable: whether it only reads.
  case txn(Gateway.TxnRequest, isRepeatable: Bool)
  /// Grants a lease with an ID of our own, so that we can revoke it even when the answer is lost.
  case grant(lease: Int64, ttlSeconds: Int64)
  case keepAlive(Int64)
  case revoke(Int64)

  /// What a refusal is as good as; `nil` for a refusal.
  package func reply(for refusal: EtcdGatewayError) -> GatewayReply? {
    switch self {
    // The server applied the first attempt, but its answer was lost.
    case .grant(_, let ttlSeconds) where refusal.message.contains("lease already exists"):
      .granted(ttlSeconds: ttlSeconds)
    case .revoke where refusal.code == GRPCCode.notFound: .revoked
    case .range, .txn, .grant, .keepAlive, .revoke: nil
    }
  }
}

/// What etcd says to a ``GatewayCall``.
package enum GatewayReply: Sendable {
  case range(Gateway.RangeReply)
  case txn(Gateway.TxnReply)
  /// The TTL that the server grants.
  case granted(ttlSeconds: Int64)
  /// - Parameters:
  ///   - ttlSeconds: what the lease has again; `nil` when it does not exist.
  ///   - raftTerm: of the member that has kept it alive.
  case keptAlive(ttlSeconds: Int64?, raftTerm: UInt64?)
  /// The lease does not exist.
  case revoked
}
