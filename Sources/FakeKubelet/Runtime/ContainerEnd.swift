/// The end of a container's run.
public enum ContainerEnd: Equatable, Sendable {
  /// 128 plus the signal's number when a signal ended it. The message is what the container has left at its
  /// `terminationMessagePath`.
  case exited(code: Int32, message: String = "")
  /// The container could not be started.
  case notStarted(StartFailure)
}
