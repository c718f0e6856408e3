import HTTPEndpoint

/// Source: gRPC, `codes`.
enum GRPCCode {
  static let cancelled = 1
  static let unknown = 2
  static let deadlineExceeded = 4
  static let notFound = 5
  static let permissionDenied = 7
  static let aborted = 10
  static let internalError = 13
  static let unavailable = 14
  static let dataLoss = 15
  static let unauthenticated = 16
}

extension EtcdGatewayError {
  /// Whether another token may help: this one is unknown or missing, or older than the last change of users
  /// or roles.
  var isAboutTheToken: Bool {
    self.code == GRPCCode.unauthenticated
      || self.message.contains("revision in header is old")
      || self.message.contains("revision of auth store is old")
      || self.message.contains("user name is empty")
  }

  /// Its meaning for a request.
  func clientError(from endpoint: EtcdEndpoint) -> EtcdClientError {
    if self.isAboutTheToken || self.message.contains("authentication failed")
      || self.code == GRPCCode.permissionDenied
    {
      return .denied(endpoint: endpoint, reason: self.message)
    }
    switch self.code {
    // No leader, no answer from it in time, a member that stops: the cluster may still agree on it.
    case GRPCCode.cancelled, GRPCCode.unknown, GRPCCode.deadlineExceeded, GRPCCode.aborted,
      GRPCCode.internalError, GRPCCode.unavailable, GRPCCode.dataLoss:
      return .unanswered(endpoint: endpoint, reason: self.message)
    default: return .declined(self)
    }
  }
}
