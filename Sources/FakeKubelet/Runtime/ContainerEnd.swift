/// The end of a container's run.
public enum ContainerEnd: Equatable, Sendable {
  /// 128 plus the signal's number when a signal ended it.
  case exited(code: Int32)
  /// The container could not be started.
  case notStarted(StartFailure)
}
