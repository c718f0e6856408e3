import KubernetesClient

/// The settings that both daemons share.
struct StandInConfiguration: Sendable {
  /// Equivalent servers of one cluster.
  var servers: [APIServer]
  /// The address of `/healthz`.
  var address = "127.0.0.1"
  /// The port of `/healthz`; 0 lets the kernel choose.
  var port: Int
}

/// A daemon's port could not be bound.
struct StandInError: Error, Equatable, CustomStringConvertible {
  let address: String
  let port: Int
  let reason: String

  var description: String {
    "cannot listen on \(self.address):\(self.port) (--address, --port): \(self.reason); choose others, "
      + "such as --port=0 for any free port"
  }
}
