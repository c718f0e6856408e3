import Logging

extension GuardProcess {
  func log(_ report: Guard.Report) {
    let (level, text, metadata) = self.line(for: report)
    self.logger.log(level: level, text, metadata: metadata)
  }

  /// Puts a report into words. A guard has nothing to say as long as all is well.
  private func line(
    for report: Guard.Report
  ) -> (Logger.Level, Logger.Message, Logger.Metadata) {
    switch report {
    case .removed(let index, let reason):
      (
        .warning, "the guard removed the manifest",
        ["file": "\(self.places[index].path)", "reason": "\(reason)"]
      )
    case .refused(let index):
      (
        .warning, "the guard refused to install the manifest: the lease's deadline has passed",
        ["file": "\(self.places[index].path)"]
      )
    case .placeTaken(let index, let owner):
      (
        .error, "another elector has this --dest-file: one of the two has to end",
        ["file": "\(self.places[index].path)", "by": "\(owner)"]
      )
    case .cannotRemove(let reason):
      (.error, "the guard cannot remove the manifest", ["reason": "\(reason)"])
    case .left(let reason): (.error, "\(ElectionServiceError.manifestLeft(reason))", [:])
    case .electorEnded(let end, let pause):
      (
        .error, "the elector ended, and is started again",
        ["reason": "\(end)", "restart_in": "\(pause)"]
      )
    case .notStarted(let reason, let pause):
      (.error, "the elector does not start", ["reason": "\(reason)", "retry_in": "\(pause)"])
    case .nonsense(let error):
      (.error, "the guard does not understand the elector", ["reason": "\(error)"])
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
