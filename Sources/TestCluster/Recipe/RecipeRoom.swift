/// The recipe's machine room: what a cluster has besides its store when its masters are machines.
///
/// Each master is a machine with a network, a disk, a name and processes of its own (Linux' namespaces); it has an
/// API server and a kubelet, by the recipe's init scripts, and the recipe's manifests, in which nothing is changed but
/// the two placeholders. The elector runs in podmaster's place.
package struct RecipeRoom: Equatable, Sendable {
  /// How many machines there are for pods that have no place yet.
  package var workers: Int
  /// Whether the masters' kubelets are started with their machines, or left to whoever types `service kubelet start`.
  package var startsKubelets: Bool

  /// - Parameters: as the properties.
  package init(workers: Int = 2, startsKubelets: Bool = true) {
    self.workers = workers
    self.startsKubelets = startsKubelets
  }

  /// The ports of the recipe, the same on each machine.
  package static let apiServerPort = 8080
  package static let kubeletPort = 10250
  /// etcd's.
  package static let storePort = 2379

  /// The names of the workers, in order.
  package var workerNames: [String] { (0..<self.workers).map { "kube-node\($0 + 1)" } }
}
