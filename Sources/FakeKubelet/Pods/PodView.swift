/// The state of a pod, for users of the library.
public struct PodView: Equatable, Sendable {
  /// Ends with the node's name.
  public let name: PodName
  public let uid: String
  public let phase: PodLifecycle.Phase
  public let isReady: Bool
  /// The restarts of all its containers together.
  public let restarts: Int
  /// The names of the running containers.
  public let running: [String]
  /// Whether the pod is terminating.
  public let isEnding: Bool

  fileprivate init(_ pod: PodLifecycle, _ name: PodName) {
    self.name = name
    self.uid = pod.manifest.uid
    self.phase = pod.phase
    self.isReady = pod.isReady
    self.restarts = pod.containers.reduce(0) { $0 + $1.restartCount }
    self.running = pod.containers.filter(\.isRunning).map(\.name)
    self.isEnding = pod.isTerminating
  }

  /// A pod that waits for the end of the former pod of its name.
  fileprivate init(waiting manifest: PodManifest) {
    self.name = manifest.name
    self.uid = manifest.uid
    (self.phase, self.isReady, self.restarts) = (.pending, false, 0)
    (self.running, self.isEnding) = ([], false)
  }
}

extension PodWorkers {
  /// By name; a terminating pod comes before the pod that waits for it.
  var views: [PodView] {
    Set(self.running.keys).union(self.waiting.keys).sorted().flatMap { name in
      [
        self.running[name].map { PodView($0, name) },
        self.waiting[name].map { PodView(waiting: $0) },
      ].compactMap(\.self)
    }
  }
}
