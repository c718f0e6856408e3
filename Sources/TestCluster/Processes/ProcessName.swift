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
