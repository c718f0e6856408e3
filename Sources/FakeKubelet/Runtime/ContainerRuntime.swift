/// What runs containers. It knows nothing of restarts, grace periods and pods' phases: these are
/// ``PodLifecycle``'s.
public protocol ContainerRuntime: Sendable {
  /// The scheme of container ids in a pod's status, such as `docker` in `docker://0123`.
  var name: String { get }

  /// Runs one container and returns its exit code when it has ended; 128 plus the signal's number
  /// when a signal ended it. Returns soon when the task is cancelled, leaving nothing behind.
  /// - Parameters:
  ///   - container: which one; never run twice.
  ///   - pod: what the manifest says.
  ///   - signals: what the container is told.
  ///   - onStart: to be called once, when the container runs.
  func run(
    _ container: ContainerID, of pod: PodManifest, signals: AsyncStream<ContainerSignal>,
    onStart: @Sendable () -> Void
  ) async -> Int32

  /// Carries out a hook of a container that runs. Returns why it failed, or `nil`; soon when the task
  /// is cancelled. The container may end meanwhile.
  func runPreStop(
    _ action: ContainerAction, in container: ContainerID, of pod: PodManifest
  ) async -> String?
}
