/// What runs containers. It knows nothing of restarts, grace periods and pods' phases: these are
/// ``PodLifecycle``'s.
public protocol ContainerRuntime: Sendable {
  /// The scheme of container ids in a pod's status, such as `docker` in `docker://0123`.
  var name: String { get }

  /// Runs one container and says how it came to its end. Returns soon when the task is cancelled.
  /// - Parameters:
  ///   - container: which one; never run twice.
  ///   - pod: what the manifest says.
  ///   - signals: what the container is told.
  ///   - onStart: to be called once, when the container runs.
  func run(
    _ container: ContainerID, of pod: PodManifest, signals: AsyncStream<ContainerSignal>,
    onStart: @Sendable () -> Void
  ) async -> ContainerEnd

  /// Carries out a hook of a container that runs. Returns why it failed, or `nil`; soon when the task
  /// is cancelled. The container may end meanwhile.
  func runHook(
    _ kind: HookKind, _ action: ContainerAction, in container: ContainerID, of pod: PodManifest
  ) async -> String?

  /// Asks a container that runs. Returns within the probe's time-out, or soon when the task is
  /// cancelled. The container may end meanwhile.
  /// - Parameter runningFor: since its start.
  func probe(
    _ kind: Probe.Kind, _ probe: Probe, of container: ContainerID, of pod: PodManifest,
    runningFor: Duration
  ) async -> ProbeResult

  /// What a container that runs uses; `nil` when it has ended, or nothing is known.
  func usage(of container: ContainerID) async -> ContainerUsage?

  /// What a former kubelet has left, asked for once, before anything is run: ``run(_:of:signals:onStart:)``
  /// takes up a container of it that is run under the same pod's uid, name and attempt.
  func survivors() async -> [SurvivingContainer]

  /// Ends a container of a former kubelet.
  func end(_ survivor: SurvivingContainer) async

  /// Removes what lived as long as a pod.
  func podEnded(uid: String) async

  /// Comes once, last, when every run has returned.
  func shutDown() async
}

/// A container that a former kubelet has left.
public struct SurvivingContainer: Equatable, Sendable {
  /// Of its pod.
  public let uid: String
  public let container: String
  public let attempt: Int
  /// Whether it runs on, or has ended in the meantime.
  public let isRunning: Bool
  /// Who wanted its pod.
  public let source: PodManifest.Source

  public init(
    uid: String, container: String, attempt: Int, isRunning: Bool,
    source: PodManifest.Source = .file
  ) {
    self.source = source
    self.uid = uid
    self.container = container
    self.attempt = attempt
    self.isRunning = isRunning
  }
}

extension ContainerRuntime {
  /// Nothing is known.
  public func usage(of container: ContainerID) async -> ContainerUsage? { nil }
  /// Nothing has been left.
  public func survivors() async -> [SurvivingContainer] { [] }
  /// There is nothing to end.
  public func end(_ survivor: SurvivingContainer) async {}
  /// There is nothing to remove.
  public func podEnded(uid: String) async {}
  /// There is nothing to do.
  public func shutDown() async {}
}
