import Elector
import EtcdClient
import HTTPEndpoint

/// What a cluster is made of.
public struct ClusterConfiguration: Sendable {
  /// Where the leases are kept.
  public enum Store: Sendable, Equatable {
    /// This project's own store, started with the cluster.
    case kvstore
    /// A real etcd that still has the v2 API, started with the cluster. A bare name is looked up in
    /// `PATH`. The electors use the API that is named.
    case etcd(executable: String, api: EtcdAPI = .v2, members: Int = 1)
    /// A store that somebody else runs: it is used and left alone.
    case external([EtcdEndpoint])

    /// How many processes it has that a cluster starts.
    package var members: Int {
      if case .etcd(_, _, let members) = self { members } else { 1 }
    }

    /// The API by which the leases are looked at.
    package var api: EtcdAPI {
      if case .etcd(_, let api, _) = self { api } else { .v2 }
    }
  }

  /// How many masters; they are called `kube-master1`, `kube-master2` and so on.
  public var masters: Int
  public var store: Store
  /// The time to live of the leases. The recipe has 30 seconds.
  public var ttlSeconds: Int
  /// The electors' pause between two rounds. The recipe has 5 seconds.
  public var sleep: Duration
  /// How long the elected pods take to stop; `nil` leaves their manifests as the recipe has them.
  public var podStopTime: Duration?
  /// The electors' `--profile`; `nil` for none.
  public var profile: Profile?
  /// More flags for each elector.
  public var electorFlags: [String]
  /// Whether each node has relays of its own between its electors and the store, see ``Cluster/relays``.
  package var hasRelays = false
  /// Whether each node has a wall clock of its own, which can be set.
  package var hasOwnClocks = false
  /// The network namespaces of all masters and of the store's members; `nil` for none, and all on loopback.
  package var network: ClusterNetwork?
  /// Whether each master has an API server, which its kubelet tells of its pods.
  public var hasAPIServers = false
  /// The port of 127.0.0.1 at which a load balancer stands before the API servers; `nil` for none.
  public var loadBalancerPort: Int?
  /// What there is besides when the masters are machines; then `podStopTime`, `profile` and the electors' flags do
  /// not count, since the manifests are the recipe's.
  package internal(set) var room: RecipeRoom?
  /// Everything the cluster writes is below this directory.
  public var stateDirectory: String
  /// Where `kvstore`, `elector` and `fake-kubelet` are; `nil` stands for the environment's
  /// `ZWEIMASTER_BIN`, else for the directory of the running program.
  public var executables: String?
  /// Told what happens, one sentence at a time.
  public var report: @Sendable (String) -> Void

  public init(
    masters: Int = 2, store: Store = .kvstore, ttlSeconds: Int = 3,
    sleep: Duration = .milliseconds(500), podStopTime: Duration? = nil,
    profile: Profile? = nil, electorFlags: [String] = [],
    stateDirectory: String = ".zweimaster", executables: String? = nil,
    report: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.masters = masters
    self.store = store
    self.ttlSeconds = ttlSeconds
    self.sleep = sleep
    self.podStopTime = podStopTime
    self.profile = profile
    self.electorFlags = electorFlags
    self.stateDirectory = stateDirectory
    self.executables = executables
    self.report = report
  }

  /// The pretended kubelets have inotify; this is what a busy machine makes of it.
  package static let kubeletDetection = Duration.milliseconds(500)

  /// The grace that the elected pods' manifests have.
  package var podGrace: Duration {
    self.podStopTime.map { RecipeManifests.grace(stopTime: $0) } ?? PodStop.defaultGrace
  }

  /// What the electors reckon with.
  /// - Throws: ``TimingError``, which names the flag.
  package func timing() throws(TimingError) -> Timing {
    try Timing(
      ttlSeconds: Int64(self.ttlSeconds), sleep: self.sleep, profile: self.profile,
      podStop: PodStop(detection: Self.kubeletDetection, grace: self.podGrace),
      manifestExpires: self.profile == .strict)
  }

  /// The longest that a planned stop takes a node's electors: what their pods may need, and some.
  package var longestHandOver: Duration { Self.kubeletDetection + self.podGrace + .seconds(10) }

  /// The nodes' names, in order.
  public var nodes: [String] {
    (1...max(1, self.masters)).map { "kube-master\($0)" } + (self.room?.workerNames ?? [])
  }

  /// The processes that make a node.
  package var components: [Component] {
    if self.room != nil { return [.machine] }
    return (self.hasAPIServers ? [.apiServer] : []) + [.kubelet] + Component.electors
  }

  /// Whether pods can be seen at API servers from the beginning: whoever starts kubelets himself makes their
  /// namespace, too.
  package var makesNamespace: Bool { self.hasAPIServers && self.room?.startsKubelets != false }

  /// TTL, pause and manifests as the recipe has them.
  package mutating func takeRecipesTiming() {
    self.ttlSeconds = 30
    self.sleep = .seconds(5)
    self.podStopTime = nil
  }

  /// Which host of the network a node is.
  package func host(_ node: String) -> NetworkHost {
    let index = self.nodes.firstIndex(of: node) ?? 0
    return index < self.masters ? .master(index + 1) : .worker(index + 1 - self.masters)
  }
}
