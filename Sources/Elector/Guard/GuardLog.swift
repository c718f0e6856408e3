extension GuardProcess {
  /// Puts a report into words. A guard has nothing to say as long as all is well.
  func log(_ report: Guard.Report) {
    switch report {
    case .removed(let index, let reason):
      self.logger.warning(
        "the guard removed the manifest",
        metadata: ["file": "\(self.destination(index))", "reason": "\(reason)"])
    case .refused(let index):
      self.logger.warning(
        "the guard refused to install the manifest: the lease's deadline has passed",
        metadata: ["file": "\(self.destination(index))"])
    case .cannotRemove(let reason):
      self.logger.error("the guard cannot remove the manifest", metadata: ["reason": "\(reason)"])
    case .left(let reason):
      self.logger.error("\(ElectionServiceError.manifestLeft(reason))")
    case .electorEnded(let end, let pause):
      self.logger.error(
        "the elector ended, and is started again",
        metadata: ["reason": "\(end)", "restart_in": "\(pause)"])
    case .notStarted(let reason, let pause):
      self.logger.error(
        "the elector does not start", metadata: ["reason": "\(reason)", "retry_in": "\(pause)"])
    case .nonsense(let error):
      self.logger.error(
        "the guard does not understand the elector", metadata: ["reason": "\(error)"])
    }
  }
}

extension Guard.RemovalReason: CustomStringConvertible {
  public var description: String {
    switch self {
    case .deadline: "the lease's deadline has passed"
    case .electorGone: "the elector is gone"
    }
  }
}
