/// A process of a cluster.
package enum ProcessName: Hashable, Sendable, CustomStringConvertible {
  /// A member of the store, counted from 1; most stores have only one.
  case member(Int)
  case component(node: String, Component)
  /// HAProxy before the API servers.
  case loadBalancer

  /// The store's only or first member.
  package static let store = ProcessName.member(1)

  /// `store`, `store-2`, or `kube-master1/fake-kubelet`.
  package var description: String {
    switch self {
    case .member(1): "store"
    case .member(let number): "store-\(number)"
    case .component(let node, .machine): node
    case .component(let node, let component): "\(node)/\(component.rawValue)"
    case .loadBalancer: "load-balancer"
    }
  }

  package var node: String? {
    switch self {
    case .member, .loadBalancer: nil
    case .component(let node, _): node
    }
  }
}

/// A process of a cluster: its command line, its state, and whether it is to run.
package struct ManagedProcess {
  package let name: ProcessName
  /// The program's name, as in ``Executables``, or a path.
  package let executable: String
  package var arguments: [String]
  /// Added to our own environment.
  package var environment: [String: String] = [:]
  package let log: String

  /// Whether it is to run, and is restarted when it ends.
  package var isWanted = false
  /// Whether a task supervises it; the next one begins only when that has ended.
  package var isSupervised = false
  /// `nil` while it does not run.
  package var identity: ProcessIdentity?
  package var isPaused = false
  /// Restarts since it was last launched.
  package var restarts = 0
}
