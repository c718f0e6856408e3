import ArgumentParser
import CommandLine
import HTTPEndpoint
import TestCluster

/// Where the cluster's files are; all commands have it.
struct StateOptions: ParsableArguments {
  @Option(
    name: .customLong("state-dir"),
    help: "The directory for everything that the cluster writes.")
  var directory = Self.usual

  /// Where they are if nobody says so.
  static let usual = ".zweimaster"
}

/// What a new cluster is made of.
struct ClusterOptions: ParsableArguments {
  private static let defaultTTL = 3
  private static let defaultSleep = GoDuration(.milliseconds(500))
  private static let defaultStop = GoDuration(.seconds(1))

  @Option(help: "How many masters.")
  var masters = 2

  @Option(
    help: ArgumentHelp(
      "The etcd to use, one with the v2 API (--enable-v2=true), instead of an own store.",
      valueName: "url[,url]"))
  var etcd: String?

  @Option(help: "How long a lease is valid, in seconds. The recipe has 30.")
  var ttlSecs = Self.defaultTTL

  @Option(help: "The electors' pause between two rounds. The recipe has 5s.")
  var sleep = Self.defaultSleep

  @Option(help: "How long the elected pods take to stop.")
  var stopAfter = Self.defaultStop

  @OptionGroup var state: StateOptions

  func validate() throws {
    guard (1...9).contains(self.masters) else {
      throw ValidationError("--masters is \(self.masters), but it has to be from 1 to 9")
    }
    guard self.ttlSecs >= 1 else {
      throw ValidationError("--ttl-secs is \(self.ttlSecs), but a lease takes at least 1 second")
    }
    guard self.sleep.duration >= .milliseconds(1) else {
      throw ValidationError("--sleep is \(self.sleep), but it has to be at least 1ms")
    }
    guard self.stopAfter.duration >= .zero else {
      throw ValidationError("--stop-after is \(self.stopAfter), but it cannot be negative")
    }
    _ = try self.store()
  }

  /// The first of the flags that the recipe's room has no use for.
  var foreignToRecipe: String? {
    if self.etcd != nil { return "--etcd" }
    if self.ttlSecs != Self.defaultTTL { return "--ttl-secs" }
    if self.sleep != Self.defaultSleep { return "--sleep" }
    return self.stopAfter == Self.defaultStop ? nil : "--stop-after"
  }

  func configuration(
    report: @escaping @Sendable (String) -> Void
  ) throws -> ClusterConfiguration {
    ClusterConfiguration(
      masters: self.masters, store: try self.store(), ttlSeconds: self.ttlSecs,
      sleep: self.sleep.duration, podStopTime: self.stopAfter.duration,
      stateDirectory: self.state.directory, report: report)
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

/// API servers, what stands before them, and the recipe's machine room.
struct RecipeOptions: ParsableArguments {
  @Flag(
    help: """
      Machines in namespaces of their own, with API servers, kubelets and the recipe's manifests. (Needs \
      root; else there are API servers on ports of this box.)
      """)
  var recipe = false

  @Flag(help: "An API server for each master, in which its kubelet shows its pods.")
  var apiServers = false

  @Flag(help: "HAProxy before the API servers, which there are then.")
  var loadBalancer = false

  @Option(help: "Where it listens on 127.0.0.1. (default: 8080)")
  var loadBalancerPort: Int?

  @Option(
    help: "With --recipe: how many machines besides, for pods that have no node yet. (default: 2)")
  var workers: Int?

  @Flag(
    inversion: .prefixedNo,
    help: """
      With --recipe: whether the masters' kubelets are started, or left to 'service kubelet start'.
      """)
  var startKubelets = true

  func validate() throws {
    if let workers, !(0...9).contains(workers) {
      throw ValidationError("--workers is \(workers), but it has to be from 0 to 9")
    }
    if let port = self.loadBalancerPort, !(1...65535).contains(port) {
      throw ValidationError(
        "--load-balancer-port: \(port) is no port: it must be between 1 and 65535")
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

/// Which node, and perhaps which of its processes.
struct TargetOptions: ParsableArguments {
  @Argument(help: "The node, for example kube-master1; or 'store'.")
  var node: String

  @Argument(help: "One of its processes; without it: all of them.")
  var component: Component?

  @OptionGroup var state: StateOptions
}

extension Component: ExpressibleByArgument {}
