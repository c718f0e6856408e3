/// A host in a cluster's network.
package enum NetworkHost: Hashable, Sendable, CustomStringConvertible {
  /// A member of the store, counted from 1.
  case member(Int)
  /// A node that runs the control plane, counted from 1.
  case master(Int)
  /// A node that only runs pods, counted from 1.
  case worker(Int)

  package var description: String {
    switch self {
    case .member(let number): "store\(number)"
    case .master(let number): "master\(number)"
    case .worker(let number): "node\(number)"
    }
  }

  /// The third part of its address.
  package var number: Int {
    switch self {
    case .member(let number): number
    case .master(let number): 10 + number
    case .worker(let number): 20 + number
    }
  }

  /// The router's address for all hosts.
  package static let routerAddress = "10.98.0.1"

  package var address: String { "10.98.\(self.number).2" }
  /// The router's address on the link to it.
  package var gateway: String { "10.98.\(self.number).1" }
  /// The address as a number.
  package var addressNumber: UInt32 { 0x0a62_0002 | UInt32(self.number) << 8 }
}

/// Names the network namespaces of a cluster's processes; without it they share ours, on loopback.
package struct ClusterNetwork: Equatable, Sendable {
  /// The begin of the namespaces' names.
  package var prefix: String

  package init(prefix: String) { self.prefix = prefix }

  package func space(_ host: NetworkHost) -> String { "\(self.prefix)-\(host)" }

  /// The command that replaces itself by the program in a host's namespace.
  package func command(
    _ host: NetworkHost, _ executable: String, _ arguments: [String]
  ) -> (executable: String, arguments: [String]) {
    ("nsenter", ["--net=/run/netns/\(self.space(host))", executable] + arguments)
  }
}
