import Elector
import EtcdClient
import HTTPEndpoint

/// The settings of a ``Cluster``.
public struct ClusterConfiguration: Sendable {
  /// The store of the leases.
  public enum Store: Sendable, Equatable {
    /// This project's own store, started with the cluster.
    case kvstore
    /// A real etcd that has both APIs, started with the cluster; a bare name is looked up in `PATH`.
    case etcd(executable: String, members: Int = 1)
    /// A store that runs already: the cluster uses it and leaves it alone.
    case external([EtcdEndpoint])

    /// How many processes a cluster starts for it.
    package var members: Int {
      if case .etcd(_, let members) = self { members } else { 1 }
    }
  }

  /// How many nodes; they are called `kube-master1`, `kube-master2` and so on.
  public var masters: Int
  /// The store of the leases.
  public var store: Store
  /// The API of the store by which the leases are kept. The recipe's machine room has v2, as podmaster has.
  public var api: EtcdAPI
  /// The TTL of the leases. The recipe has 30 seconds.
  public var ttlSeconds: Int
  /// The electors' pause between two rounds. The recipe has 5 seconds.
  public var sleep: Duration
  /// How long the elected pods take to stop; with `nil` their manifests are the recipe's.
  public var podStopTime: Duration?
  /// The electors' `--profile`; `nil` for none.
  public var profile: Profile?
  /// More flags for each elector.
  public var electorFlags: [String]
  /// Whether each node has relays between its electors and the store, see ``Cluster/relays``.
  package var hasRelays = false
  /// Whether each node and each member of the store has its own wall clock, which can be set; those of nodes can
  /// stand, too.
  package var hasOwnClocks = false
  /// Whether the kubelets run containers, as root, in place of pretended ones. Those live on when their kubelet is
  /// killed that was started with `--leave-pods-running`, and end by themselves after a while.
  package var runsContainers = false
  /// More flags for each kubelet.
  package var kubeletFlags: [String] = []
  /// The network namespaces of all nodes and of the store's members; `nil` when all are on loopback.
  package var network: ClusterNetwork?
  /// Whether each node has an API server that shows its pods.
  public var hasAPIServers = false
  /// The port of 127.0.0.1 of a load balancer before the API servers; `nil` for none.
  public var loadBalancerPort: Int?
  /// The recipe's machine room, where nodes are machines; `nil` for processes. In it `podStopTime`, `profile` and the
  /// electors' flags do not count, since the manifests are the recipe's.
  package internal(set) var room: RecipeRoom?
  /// The cluster writes below this directory only.
  public var stateDirectory: String
  /// The directory of `kvstore`, `elector` and `fake-kubelet`; `nil` for that in the environment's
  /// `ZWEIMASTER_BIN`, or else that of the running program.
  public var executables: String?
  /// Gets each event, as one sentence.
  public var report: @Sendable (String) -> Void

  /// A cluster of two nodes on a kvstore, unless the parameters say otherwise; see the properties.
  public init(
    masters: Int = 2, store: Store = .kvstore, api: EtcdAPI = .v2, ttlSeconds: Int = 3,
    sleep: Duration = .milliseconds(500), podStopTime: Duration? = nil,
    profile: Profile? = nil, electorFlags: [String] = [],
    stateDirectory: String = ".zweimaster", executables: String? = nil,
    report: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.masters = masters
    self.store = store
    self.api = api
    self.ttlSeconds = ttlSeconds
    self.sleep = sleep
    self.podStopTime = podStopTime
    self.profile = profile
    self.electorFlags = electorFlags
    self.stateDirectory = stateDirectory
    self.executables = executables
    self.report = report
  }

  /// How late a kubelet notices a changed file: it has inotify, but the machine may be busy. A young pod makes no
  /// difference to a fake kubelet without `--young-pod-delay`.
  package static let kubeletDetection = Duration.milliseconds(500)

  /// The grace period in the elected pods' manifests.
  package var podGrace: Duration {
    self.podStopTime.map { RecipeManifests.grace(stopTime: $0) } ?? PodStop.defaultGrace
  }

  /// The electors' timing.
  /// - Throws: `TimingError`, which names the flag.
  package func timing() throws(TimingError) -> Timing {
    try Timing(
      ttlSeconds: Int64(self.ttlSeconds), sleep: self.sleep, profile: self.profile,
      podStop: PodStop(
        detection: Self.kubeletDetection, youngDetection: Self.kubeletDetection,
        grace: self.podGrace),
      manifestExpires: self.profile == .strict)
  }

  /// How long a node's electors may take for an orderly stop: their pods' time to end, and some slack.
  package var longestHandOver: Duration { Self.kubeletDetection + self.podGrace + .seconds(10) }

  /// The nodes' names, in order.
  public var nodes: [String] {
    (1...max(1, self.masters)).map { "kube-master\($0)" } + (self.room?.workerNames ?? [])
  }

  /// The processes of a node.
  package var components: [Component] {
    if self.room != nil { return [.machine] }
    return (self.hasAPIServers ? [.apiServer] : []) + [.kubelet] + Component.electors
  }

  /// Whether the cluster creates the pods' namespace. A user who starts the kubelets by hand creates it by hand, too.
  package var makesNamespace: Bool { self.hasAPIServers && self.room?.startsKubelets != false }

  /// Sets TTL, pause and manifests to the recipe's.
  package mutating func setRecipeTiming() {
    self.ttlSeconds = 30
    self.sleep = .seconds(5)
    self.podStopTime = nil
  }

  /// A node's host in the network.
  package func host(_ node: String) -> NetworkHost {
    let index = self.nodes.firstIndex(of: node) ?? 0
    return index < self.masters ? .master(index + 1) : .worker(index + 1 - self.masters)
  }
}
