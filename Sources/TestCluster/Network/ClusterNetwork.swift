/// A machine of a cluster that has a network of its own.
package enum NetworkHost: Hashable, Sendable, CustomStringConvertible {
  /// Of the store; counted from 1.
  case member(Int)
  /// Counted from 1.
  case master(Int)
  /// One that only runs pods; counted from 1.
  case worker(Int)

  package var description: String {
    switch self {
    case .member(let number): "store\(number)"
    case .master(let number): "master\(number)"
    case .worker(let number): "node\(number)"
    }
  }

  /// The third part of its address, different for each.
  package var number: Int {
    switch self {
    case .member(let number): number
    case .master(let number): 10 + number
    case .worker(let number): 20 + number
    }
  }

  /// The router's, as all hosts find it.
  package static let routerAddress = "10.98.0.1"

  package var address: String { "10.98.\(self.number).2" }
  /// The router's address on the link to it.
  package var gateway: String { "10.98.\(self.number).1" }
  /// The address as a number.
  package var addressNumber: UInt32 { 0x0a62_0002 | UInt32(self.number) << 8 }
}

/// Names the network namespaces that a cluster's processes run in; without one they share ours, on loopback.
package struct ClusterNetwork: Equatable, Sendable {
  /// What the namespaces' names begin with.
  package var prefix: String

  package init(prefix: String) { self.prefix = prefix }

  package func space(_ host: NetworkHost) -> String { "\(self.prefix)-\(host)" }

  /// The command that runs in a host's namespace, as the same process.
  package func command(
    _ host: NetworkHost, _ executable: String, _ arguments: [String]
  ) -> (executable: String, arguments: [String]) {
    ("nsenter", ["--net=/run/netns/\(self.space(host))", executable] + arguments)
  }
}
