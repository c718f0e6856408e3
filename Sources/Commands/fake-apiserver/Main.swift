import ArgumentParser
import CommandLine
import EtcdClient
import FakeAPIServer
import Foundation
import HTTPEndpoint
import HTTPListening
import Logging
import ServiceLifecycle
import UnixSignals

@main struct Main {
  /// Accepts Go's spelling of a command line.
  static func main() async {
    let arguments = GoCommandLine.normalized(
      Array(CommandLine.arguments.dropFirst()), switches: FakeAPIServerCommand.switches)
    await FakeAPIServerCommand.main(arguments)
  }
}

/// The flags of the 1.1 API server that the recipe uses, and those for several servers on one machine.
struct FakeAPIServerCommand: AsyncParsableCommand {
  static let switches = LogOptions.switches.union(["allow-local-kubelets", "allow-privileged"])

  static let configuration = CommandConfiguration(
    commandName: "fake-apiserver",
    abstract: "Serves Kubernetes' API for a few kinds of objects, which it stores in etcd.",
    discussion: """
      Namespaces, pods, nodes, events, leases and replication controllers, for kubectl and for client-go's leader \
      election. It has no state of its own: any number of servers serve one cluster, on kvstore or on a real etcd \
      with the v2 API. There is no admission, and no authentication except --client-ca-file.

      Flags may be spelled with hyphens or underscores. When all ports listen, a line on standard output \
      names each:
        fake-apiserver: insecure port http://127.0.0.1:8080

      Example:
        fake-apiserver --etcd-servers=http://127.0.0.1:2379
        kubectl --server=http://127.0.0.1:8080 create namespace kube-system
      """,
    version: Version.line(of: "fake-apiserver"))

  @Option(help: ArgumentHelp("URLs of etcd, separated by commas.", valueName: "url,..."))
  var etcdServers: String

  @Option(help: "Directory of the objects in etcd.")
  var etcdPrefix = "/registry"

  @Option(
    name: [.customLong("insecure-bind-address"), .customLong("address")],
    help: "Address of the insecure port. (The recipe uses 0.0.0.0.)")
  var insecureBindAddress = "127.0.0.1"

  @Option(help: "Port for plain HTTP without authentication; 0 for none, -1 for any free port.")
  var insecurePort = 8080

  @Option(help: "Address of the secure port.")
  var bindAddress = "127.0.0.1"

  @Option(help: "Port for HTTPS, with --tls-cert-file; -1 for any free port.")
  var securePort = 6443

  @OptionGroup var tls: ServerTLSOptions

  @Option(help: "How long a node's kubelet may be silent before the node is shown as not ready.")
  var nodeMonitorGracePeriod = GoDuration(.seconds(40))

  @Option(help: "Lifetime of Event objects.")
  var eventTtl = GoDuration(.seconds(3600))

  @Option(help: "Port of the kubelets for logs, unless the Node object names one.")
  var kubeletPort = 10250

  @Option(
    help: ArgumentHelp(
      "URL of a node's kubelet, instead of the Node object's. May be given several times.",
      valueName: "node=url"))
  var kubeletUrl: [String] = []

  @Option(
    help: """
      Whether kubelets may be at loopback and link-local addresses of Node objects, as when all is on one \
      machine. (Those of --kubelet-url may.)
      """)
  var allowLocalKubelets: GoBool = false

  @Option(help: "Accepted without effect: there are no services.")
  var serviceClusterIpRange: String?

  @Option(help: "Accepted without effect: only clouds use a cluster's name.")
  var clusterName: String?

  @Option(help: "Accepted without effect: the kubelets decide which pods may be privileged.")
  var allowPrivileged: GoBool?

  @OptionGroup var log: LogOptions

  func validate() throws {
    _ = try self.endpoints()
    for (flag, port) in [
      ("--insecure-port", self.insecurePort), ("--secure-port", self.securePort),
    ] where !(-1...65535).contains(port) {
      throw ValidationError("\(flag): \(port) is no port: it must be between 0 and 65535")
    }
    if !self.etcdPrefix.hasPrefix("/") || self.etcdPrefix.hasSuffix("/") {
      throw ValidationError("--etcd-prefix: \"\(self.etcdPrefix)\": write it like /registry")
    }
    if self.nodeMonitorGracePeriod.duration < .seconds(1) {
      throw ValidationError("--node-monitor-grace-period must be at least 1s")
    }
    if self.eventTtl.duration < .seconds(1) {
      throw ValidationError("--event-ttl must be at least 1s")
    }
    for entry in self.kubeletUrl where Self.kubelet(entry) == nil {
      throw ValidationError("--kubelet-url: \"\(entry)\": it must be NODE=URL")
    }
  }

  private func endpoints() throws -> [HTTPEndpoint] {
    do { return try HTTPEndpoint.list(self.etcdServers) } catch {
      throw ValidationError("--etcd-servers: \(error)")
    }
  }

  private static func kubelet(_ entry: String) -> (node: String, url: String)? {
    let sides = entry.split(separator: "=", maxSplits: 1).map(String.init)
    guard sides.count == 2, sides[1].hasPrefix("http://") || sides[1].hasPrefix("https://") else {
      return nil
    }
    return (sides[0], sides[1].hasSuffix("/") ? String(sides[1].dropLast()) : sides[1])
  }

  private var settings: FakeAPIServerConfiguration {
    var settings = FakeAPIServerConfiguration()
    settings.address = self.insecureBindAddress
    settings.port = self.insecurePort == 0 ? nil : max(0, self.insecurePort)
    settings.secureAddress = self.bindAddress
    settings.securePort = max(0, self.securePort)
    settings.tls = self.tls.tls
    settings.prefix = self.etcdPrefix
    settings.nodeGracePeriod = self.nodeMonitorGracePeriod.duration
    settings.eventTTL = self.eventTtl.duration
    settings.kubeletPort = self.kubeletPort
    settings.allowsLocalKubelets = self.allowLocalKubelets.isTrue
    settings.kubeletURLs = Dictionary(
      self.kubeletUrl.compactMap(Self.kubelet).map { ($0.node, $0.url) }
    ) { $1 }
    return settings
  }

  func run() async throws {
    self.log.bootstrap()
    let logger = Logger(label: "fake-apiserver")
    let idle = [
      self.serviceClusterIpRange.map { _ in "--service-cluster-ip-range" },
      self.clusterName.map { _ in "--cluster-name" },
      self.allowPrivileged.map { _ in "--allow-privileged" },
    ].compactMap(\.self)
    if !idle.isEmpty {
      logger.info(
        "Accepted, but without effect", metadata: ["flags": "\(idle.joined(separator: ","))"])
    }
    let endpoints = try self.endpoints()
    let settings = self.settings
    do {
      try await EtcdClient(endpoints: endpoints).run { client in
        let server = FakeAPIServer(configuration: settings, client: client, logger: logger) {
          let lines = [("insecure", $0.insecure), ("secure", $0.secure)].compactMap { name, url in
            url.map { "fake-apiserver: \(name) port \($0)\n" }
          }
          // Unlike `print`, this does not stay in a buffer when standard output is a pipe.
          try? FileHandle.standardOutput.write(contentsOf: Data(lines.joined().utf8))
        }
        var group = ServiceGroupConfiguration(
          services: [
            .init(service: server, failureTerminationBehavior: .gracefullyShutdownGroup)
          ],
          gracefulShutdownSignals: [.sigterm, .sigint],
          logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() })
        // A client that follows a log would hold the server for as long as the container runs.
        group.maximumGracefulShutdownDuration = .seconds(5)
        try await ServiceGroup(configuration: group).run()
      }
    } catch is CancellationError {
      // The connections of clients that were still reading have been closed.
    } catch let error where error is FakeAPIServerError || error is ServerTLSError {
      logger.error("\(error)")
      throw ExitCode.failure
    }
  }
}
