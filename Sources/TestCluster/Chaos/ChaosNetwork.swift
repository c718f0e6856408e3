import FaultRelay
import FoundationEssentials
import Glibc
import Subprocess

/// Hosts in network namespaces of their own, around a router whose packets pass through a ``PacketRelay``.
///
/// ```text
/// store1  10.98.1.2  ── 10.98.1.1  ┐
/// store2  10.98.2.2  ── 10.98.2.1  ┼ router, the namespace of this process ── tun0, the relay
/// master1 10.98.11.2 ── 10.98.11.1 ┘
/// ```
///
/// What is sent from host to host goes through the relay; what this process asks a host does not, so that it
/// sees the truth while the hosts are cut off from each other.
///
/// Nothing is made in the machine's own network: ``enterOwnNamespaces()`` comes first, and all of it is gone with
/// the last process in it, however that ends.
struct ChaosNetwork: Sendable {
  let names: ClusterNetwork
  let hosts: [NetworkHost]
  let relay: PacketRelay

  private static let tunName = "tun0"
  private static let relayTable = "98"
  /// Tells the program that it is in namespaces of its own: the number of its process, which stays the same.
  private static let marker = "ZWEIMASTER_CHAOS_NETWORK"

  /// Starts this program anew in namespaces for network and mounts of its own, with the same arguments and the
  /// same process number; returns when it is there already.
  /// - Throws: ``ClusterError/network(_:)``.
  static func enterOwnNamespaces() throws(ClusterError) {
    if ProcessInfo.processInfo.environment[Self.marker] == "\(getpid())" { return }
    guard geteuid() == 0 else { throw .network("it takes root, who may make network namespaces") }
    setenv(Self.marker, "\(getpid())", 1)
    let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
    let command =
      ["unshare", "--net", "--mount", "--propagation=private", "--"]
      + [program ?? CommandLine.arguments[0]] + CommandLine.arguments.dropFirst()
    // Some threads block signals, and it would be inherited.
    var none = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, nil)
    var arguments = command.map { strdup($0) } + [nil]
    execvp("unshare", &arguments)
    throw .network(
      "unshare cannot be run: \(String(cString: strerror(errno))) (package util-linux)")
  }

  /// Builds the network, and runs the body in it.
  /// - Throws: ``ClusterError/network(_:)``, or what the body throws.
  static func with<Value: Sendable>(
    _ hosts: [NetworkHost], _ body: (ChaosNetwork) async throws -> Value
  ) async throws -> Value {
    let names = ClusterNetwork(prefix: "chaos\(getpid())")
    for command in Self.router { try await Self.run(command) }
    for (path, value) in [
      ("ip_forward", "1"), ("conf/all/rp_filter", "0"), ("conf/default/rp_filter", "0"),
    ] {
      try Self.write(value, to: "/proc/sys/net/ipv4/\(path)")
    }
    let device: TunDevice
    do { device = try TunDevice(Self.tunName) } catch { throw ClusterError.network("\(error)") }
    for command in Self.relayRoutes { try await Self.run(command) }
    for host in hosts {
      for command in Self.commands(host, in: names.space(host)) { try await Self.run(command) }
    }
    return try await PacketRelay.with(device) { relay in
      try await body(ChaosNetwork(names: names, hosts: hosts, relay: relay))
    }
  }

  /// Makes the network as it has to be while these faults last.
  func apply(_ faults: some Sequence<ChaosFault>) {
    let lines = ChaosFault.treatments(faults, among: self.hosts)
    self.relay.treat(
      Dictionary(
        uniqueKeysWithValues: lines.map { line, treatment in
          (
            PacketRelay.Path(source: line.from.addressNumber, target: line.to.addressNumber),
            treatment
          )
        }))
  }

  /// The names of network namespaces are files, which must not outlive us.
  private static let router = [
    "mkdir -p /run/netns", "mount -t tmpfs tmpfs /run/netns", "ip link set lo up",
  ]

  /// What comes from a host goes to the relay, and what comes from the relay to its host.
  private static let relayRoutes = [
    "ip link set \(Self.tunName) up",
    "ip route add default dev \(Self.tunName) table \(Self.relayTable)",
    "ip rule add pref 100 iif \(Self.tunName) lookup main",
  ]

  private static func commands(_ host: NetworkHost, in space: String) -> [String] {
    [
      "ip netns add \(space)",
      "ip link add \(host) type veth peer name eth0 netns \(space)",
      "ip addr add \(host.gateway)/24 dev \(host)",
      "ip link set \(host) up",
      "ip rule add pref 200 iif \(host) lookup \(Self.relayTable)",
      "ip -n \(space) link set lo up",
      "ip -n \(space) addr add \(host.address)/24 dev eth0",
      "ip -n \(space) link set eth0 up",
      "ip -n \(space) route add default via \(host.gateway)",
    ]
  }

  /// - Parameter command: words with blanks in between.
  private static func run(_ command: String) async throws {
    let words = command.split(separator: " ").map(String.init)
    let result = try await Subprocess.run(
      .name(words[0]), arguments: Arguments(Array(words.dropFirst())), output: .discarded,
      error: .string(limit: 1 << 16))
    guard result.terminationStatus == .exited(0) else {
      throw ClusterError.network("'\(command)' fails: \(result.standardError)")
    }
  }

  private static func write(_ value: String, to path: String) throws(ClusterError) {
    let file = open(path, O_WRONLY | O_CLOEXEC)
    defer { close(file) }
    guard file >= 0, Glibc.write(file, value, value.utf8.count) > 0 else {
      throw .file("write", path: path, reason: String(cString: strerror(errno)))
    }
  }
}
