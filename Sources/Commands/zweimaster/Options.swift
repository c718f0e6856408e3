import ArgumentParser
import CommandLine
import EtcdClient
import HTTPEndpoint
import TestCluster

/// The cluster's directory; all commands have it.
struct StateOptions: ParsableArguments {
  @Option(
    name: .customLong("state-dir"),
    help: "The directory for everything that the cluster writes.")
  var directory = Self.usual

  /// The default.
  static let usual = ".zweimaster"
}

/// The settings of a new cluster.
struct ClusterOptions: ParsableArguments {
  private static let defaultTTL = 3
  private static let defaultSleep = GoDuration(.milliseconds(500))
  private static let defaultStop = GoDuration(.seconds(1))

  @Option(help: "How many masters.")
  var masters = 2

  @Option(
    help: ArgumentHelp(
      "An etcd to use instead of a kvstore; for --etcd-api v2 and for API servers, with --enable-v2=true.",
      valueName: "url[,url]"))
  var etcd: String?

  @Option(
    help: ArgumentHelp(
      "The store's API for the leases: v3 or v2. The recipe has v2. (default: v3)",
      valueName: "api"),
    transform: EtcdAPI.init(ofLeases:))
  var etcdApi: EtcdAPI?

  @Option(help: "The leases' TTL, in seconds. The recipe has 30.")
  var ttlSecs = Self.defaultTTL

  @Option(help: "The electors' pause between two rounds. The recipe has 5s.")
  var sleep = Self.defaultSleep

  @Option(help: "How long the elected pods take to stop.")
  var stopAfter = Self.defaultStop

  @OptionGroup var state: StateOptions

  func validate() throws {
    guard (1...9).contains(self.masters) else {
      throw ValidationError("--masters must be from 1 to 9, not \(self.masters)")
    }
    guard self.ttlSecs >= 1 else {
      throw ValidationError("--ttl-secs must be at least 1, not \(self.ttlSecs)")
    }
    guard self.sleep.duration >= .milliseconds(1) else {
      throw ValidationError("--sleep must be at least 1ms, not \(self.sleep)")
    }
    guard self.stopAfter.duration >= .zero else {
      throw ValidationError("--stop-after must not be negative, not \(self.stopAfter)")
    }
    _ = try self.store()
  }

  /// The first given flag that the recipe's room does not have.
  var foreignToRecipe: String? {
    if self.etcd != nil { return "--etcd" }
    if self.etcdApi == .v3 { return "--etcd-api v3" }
    if self.ttlSecs != Self.defaultTTL { return "--ttl-secs" }
    if self.sleep != Self.defaultSleep { return "--sleep" }
    return self.stopAfter == Self.defaultStop ? nil : "--stop-after"
  }

  func configuration(
    report: @escaping @Sendable (String) -> Void
  ) throws -> ClusterConfiguration {
    ClusterConfiguration(
      masters: self.masters, store: try self.store(), api: self.etcdApi ?? .v3,
      ttlSeconds: self.ttlSecs, sleep: self.sleep.duration,
      podStopTime: self.stopAfter.duration, stateDirectory: self.state.directory, report: report)
  }

  private func store() throws -> ClusterConfiguration.Store {
    guard let etcd else { return .kvstore }
    do {
      return .external(try HTTPEndpoint.list(etcd))
    } catch {
      throw ValidationError("--etcd: \(error)")
    }
  }
}

/// API servers, the load balancer, and the recipe's machine room.
struct RecipeOptions: ParsableArguments {
  @Flag(
    help: """
      Masters are machines in namespaces, with API servers, kubelets and the recipe's manifests. (Needs root; \
      without it, API servers are on ports of this box.)
      """)
  var recipe = false

  @Flag(help: "An API server for each master, which shows its pods.")
  var apiServers = false

  @Flag(help: "HAProxy before the API servers; implies --api-servers.")
  var loadBalancer = false

  @Option(help: "The load balancer's port on 127.0.0.1. (default: 8080)")
  var loadBalancerPort: Int?

  @Option(
    help: "With --recipe: how many worker machines, for pods that the scheduler binds. (default: 2)"
  )
  var workers: Int?

  @Flag(
    inversion: .prefixedNo,
    help: "With --recipe: start the masters' kubelets, or leave them to 'service kubelet start'.")
  var startKubelets = true

  func validate() throws {
    if let workers, !(0...9).contains(workers) {
      throw ValidationError("--workers must be from 0 to 9, not \(workers)")
    }
    if let port = self.loadBalancerPort, !(1...65535).contains(port) {
      throw ValidationError(
        "--load-balancer-port must be from 1 to 65535, not \(port)")
    }
    if self.loadBalancerPort != nil, !self.loadBalancer {
      throw ValidationError("--load-balancer-port needs --load-balancer")
    }
    if !self.recipe, self.workers != nil { throw ValidationError("--workers needs --recipe") }
    if !self.recipe, !self.startKubelets {
      throw ValidationError("--no-start-kubelets needs --recipe")
    }
  }

  var hasAPIServers: Bool { self.recipe || self.apiServers || self.loadBalancer }

  var port: Int? { self.loadBalancer ? self.loadBalancerPort ?? 8080 : nil }

  var room: RecipeRoom? {
    self.recipe
      ? RecipeRoom(workers: self.workers ?? 2, startsKubelets: self.startKubelets) : nil
  }
}

/// The live page.
struct LivePageOptions: ParsableArguments {
  private static let usualPort = 8090

  @Flag(
    inversion: .prefixedNo,
    help:
      "A page on 127.0.0.1 that shows the cluster and acts on it; with --recipe unless --no-web is given."
  )
  var web: Bool?

  @Option(help: "The page's port; 0 for a free one. (default: \(Self.usualPort))")
  var webPort: Int?

  func validate() throws {
    guard let port = self.webPort else { return }
    guard (0...65535).contains(port) else {
      throw ValidationError("--web-port must be from 0 to 65535, not \(port)")
    }
    if self.web == false { throw ValidationError("--web-port does not go with --no-web") }
  }

  /// Whether the user asks for it, so that a taken port is an error.
  var isWanted: Bool { self.web == true || self.webPort != nil }

  /// `nil` for no page.
  func port(inRecipe: Bool) -> Int? {
    self.isWanted || (inRecipe && self.web == nil) ? self.webPort ?? Self.usualPort : nil
  }
}

/// A node, or one of its processes.
struct TargetOptions: ParsableArguments {
  @Argument(help: "The node, for example kube-master1; or 'store'.")
  var node: String

  @Argument(help: "One of its processes. (default: all)")
  var component: Component?

  @OptionGroup var state: StateOptions
}

extension Component: ExpressibleByArgument {}

extension EtcdAPI {
  /// The API of a store that is ours to choose.
  init(ofLeases text: String) throws {
    guard let api = EtcdAPI(rawValue: text), api != .auto else {
      throw ValidationError("use v3 or v2, not \"\(text)\"")
    }
    self = api
  }
}
