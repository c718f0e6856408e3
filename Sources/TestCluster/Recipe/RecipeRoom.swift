/// The recipe's machine room: a cluster whose nodes are machines.
///
/// Each machine has its own network, disk, name and processes (Linux namespaces). A master has an API server and a
/// kubelet, started by the recipe's init scripts, and the recipe's manifests with only the two placeholders filled in.
/// The elector runs in podmaster's place.
package struct RecipeRoom: Equatable, Sendable {
  /// How many worker machines there are, for pods that the scheduler binds.
  package var workers: Int
  /// Whether the masters' kubelets start with their machines, or wait for a user's `service kubelet start`.
  package var startsKubelets: Bool

  package init(workers: Int = 2, startsKubelets: Bool = true) {
    self.workers = workers
    self.startsKubelets = startsKubelets
  }

  /// The ports of the recipe, the same on each machine.
  package static let apiServerPort = 8080
  package static let kubeletPort = 10250
  /// etcd's port.
  package static let storePort = 2379

  /// The names of the workers, in order.
  package var workerNames: [String] { (0..<self.workers).map { "kube-node\($0 + 1)" } }
}
