import FaultRelay
import Glibc
import TestCluster

/// Hosts in network namespaces of their own, around a router whose packets pass through a ``PacketRelay``.
///
/// ```text
/// store1  10.98.1.2  ── 10.98.1.1  ┐
/// store2  10.98.2.2  ── 10.98.2.1  ┼ router, the namespace of this process ── tun0, the relay
/// master1 10.98.11.2 ── 10.98.11.1 ┘
/// ```
///
/// Packets between hosts go through the relay. Requests of this process to a host do not, so that it
/// sees the truth while the hosts are cut off from each other.
///
/// `NamespaceNetwork.enterOwnNamespaces(keepingBox:)` comes first, so that the machine's own network stays as it is.
package struct ChaosNetwork: Sendable {
  package let names: ClusterNetwork
  package let hosts: [NetworkHost]
  package let relay: PacketRelay

  private static let tunName = "tun0"
  private static let relayTable = "98"

  /// Builds the network, and runs the body in it.
  /// - Throws: `ClusterError.network`, or what the body throws.
  package static func with<Value: Sendable>(
    _ hosts: [NetworkHost], _ body: (ChaosNetwork) async throws -> Value
  ) async throws -> Value {
    let names = ClusterNetwork(prefix: "chaos\(getpid())")
    try await NamespaceNetwork.makeRouter()
    let device: TunDevice
    do { device = try TunDevice(Self.tunName) } catch { throw ClusterError.network("\(error)") }
    // Packets from a host go to the relay, and those from the relay to their host.
    try await NamespaceNetwork.run(
      """
      ip link set \(Self.tunName) up
      ip route add default dev \(Self.tunName) table \(Self.relayTable)
      ip rule add pref 100 iif \(Self.tunName) lookup main
      """, what: "the set-up of the relay")
    for host in hosts {
      try await NamespaceNetwork.add(host, in: names.space(host))
      try await NamespaceNetwork.run("ip rule add pref 200 iif \(host) lookup \(Self.relayTable)")
    }
    return try await PacketRelay.with(device) { relay in
      try await body(ChaosNetwork(names: names, hosts: hosts, relay: relay))
    }
  }

  /// Applies the faults of the network, and ends those that are not among them.
  package func apply(_ faults: some Sequence<ChaosFault>) {
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
}
