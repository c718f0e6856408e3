/// A signal for a container.
public enum ContainerSignal: Equatable, Sendable {
  /// SIGTERM: shut down.
  case terminate
  /// SIGKILL: end at once.
  case kill
}
