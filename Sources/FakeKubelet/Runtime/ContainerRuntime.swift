/// Runs containers. Restarts, grace periods and phases of pods are decided by the kubelet, not here.
public protocol ContainerRuntime: Sendable {
  /// The scheme of container ids in a pod's status, such as `docker` in `docker://0123`.
  var name: String { get }

  /// Whether a kubelet that stops ends its containers first, with their grace. Otherwise it cancels their runs.
  var endsContainersInOrder: Bool { get }

  /// Runs one container to its end. Returns soon when the task is cancelled.
  /// - Parameters:
  ///   - container: the container's start; each is run once.
  ///   - pod: the container's manifest.
  ///   - signals: signals for the container.
  ///   - onStart: must be called once, when the container runs.
  func run(
    _ container: ContainerID, of pod: PodManifest, signals: AsyncStream<ContainerSignal>,
    onStart: @Sendable () -> Void
  ) async -> ContainerEnd

  /// Runs a hook of a running container, which may end meanwhile. Returns soon when the task is cancelled.
  /// - Returns: why the hook failed; `nil` for a success.
  func runHook(
    _ kind: HookKind, _ action: ContainerAction, in container: ContainerID, of pod: PodManifest
  ) async -> String?

  /// Probes a running container, which may end meanwhile. Returns within the probe's timeout, or soon when
  /// the task is cancelled.
  /// - Parameters:
  ///   - kind: the probe's effect, which does not change what it does.
  ///   - probe: what to check.
  ///   - container: the running container.
  ///   - pod: the container's manifest.
  ///   - runningFor: the time since the container's start.
  func probe(
    _ kind: Probe.Kind, _ probe: Probe, of container: ContainerID, of pod: PodManifest,
    runningFor: Duration
  ) async -> ProbeResult

  /// A running container's use of resources; `nil` when it has ended or the runtime does not know.
  func usage(of container: ContainerID) async -> ContainerUsage?

  /// The containers of a former kubelet; called once, before any run. ``run(_:of:signals:onStart:)`` adopts
  /// one when it runs a container with the same pod uid, name and attempt.
  func survivors() async -> [SurvivingContainer]

  /// Stops a container of a former kubelet, if it runs, and removes files that live as long as its pod.
  func end(_ survivor: SurvivingContainer) async

  /// Removes files that live as long as their pod.
  func podEnded(uid: String) async

  /// Called once, after all runs have returned.
  func shutDown() async
}

extension ContainerRuntime {
  /// No.
  public var endsContainersInOrder: Bool { false }
  /// Unknown.
  public func usage(of container: ContainerID) async -> ContainerUsage? { nil }
  /// None.
  public func survivors() async -> [SurvivingContainer] { [] }
  /// Does nothing.
  public func end(_ survivor: SurvivingContainer) async {}
  /// Does nothing.
  public func podEnded(uid: String) async {}
  /// Does nothing.
  public func shutDown() async {}
}
