/// What is elected: the two daemons of the recipe of which exactly one may run in the whole cluster.
public enum Role: String, CaseIterable, Codable, Sendable {
  case scheduler
  case controllerManager = "controller-manager"

  /// The lease's key in the store, without the leading slash.
  public var key: String {
    switch self {
    case .scheduler: "scheduler"
    case .controllerManager: "controller"
    }
  }

  /// The pod's name in the manifest; a kubelet adds `-<node>`.
  public var podName: String { "kube-\(self.rawValue)" }

  /// The file's name, in the source directory and in the kubelet's.
  package var manifestName: String { "\(self.podName).yaml" }

  /// The component that stands for election.
  package var elector: Component {
    switch self {
    case .scheduler: .schedulerElector
    case .controllerManager: .controllerManagerElector
    }
  }
}

/// One of the processes that make a node.
public enum Component: String, CaseIterable, Codable, Sendable {
  case apiServer = "fake-apiserver"
  case kubelet = "fake-kubelet"
  case schedulerElector = "scheduler-elector"
  case controllerManagerElector = "controller-manager-elector"
  /// A whole machine of the recipe's machine room, in namespaces of its own; what runs in it is its own affair.
  case machine

  package static let electors: [Component] = Role.allCases.map(\.elector)
}

/// Which process is meant: a member of the store, or a component of a node.
package enum ProcessName: Hashable, Sendable, CustomStringConvertible {
  /// Counted from 1; most stores have but one.
  case member(Int)
  case component(node: String, Component)
  /// What stands before the API servers.
  case loadBalancer

  /// The store's only member, or its first.
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
