import KubernetesObjects

extension PodManifest {
  /// A container of the manifest.
  public struct Container: Equatable, Sendable {
    /// The time at which a container runs.
    public enum Role: Equatable, Sendable {
      /// Before the main containers, one after the other; each must exit with 0.
      case initial
      /// Starts among the init containers and keeps running: an init container with the restart policy
      /// Always.
      case sidecar
      /// After the init containers, all at once.
      case main
    }

    public let name: String
    public let image: String
    public let role: Role
    /// Runs before SIGTERM, within the grace period.
    public let preStop: Hook?
    /// Runs after the container's start.
    public let postStart: Hook?
    public let probes: [Probe.Kind: Probe]

    init(_ container: JSONValue, isInitial: Bool) {
      self.name = container["name"]?.string ?? ""
      self.image = container["image"]?.string ?? ""
      let isSidecar = container["restartPolicy"]?.string == RestartPolicy.always.rawValue
      self.role = isInitial ? (isSidecar ? .sidecar : .initial) : .main
      func hook(_ name: String) -> Hook? {
        container["lifecycle"]?[name].flatMap { Hook($0, container: container) }
      }
      self.preStop = hook("preStop")
      self.postStart = hook("postStart")
      self.probes = Dictionary(
        uniqueKeysWithValues: Probe.Kind.allCases.compactMap { kind in
          Probe(kind, of: container).map { (kind, $0) }
        })
    }
  }

  /// A lifecycle hook.
  public enum Hook: Equatable, Sendable {
    case sleep(Duration)
    case action(ContainerAction)

    init?(_ hook: JSONValue, container: JSONValue) {
      if let seconds = hook["sleep"]?["seconds"]?.integer {
        self = .sleep(.seconds(seconds))
      } else if let action = ContainerAction(hook, container: container) {
        self = .action(action)
      } else {
        return nil
      }
    }
  }
}
