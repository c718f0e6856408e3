/// What is elected: the recipe's two daemons, each of which may run only once in the whole cluster.
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

  /// The manifest's file name, in the source directory and in the kubelet's.
  package var manifestName: String { "\(self.podName).yaml" }

  /// The process that takes part in the election.
  package var elector: Component {
    switch self {
    case .scheduler: .schedulerElector
    case .controllerManager: .controllerManagerElector
    }
  }
}

/// One of a node's processes.
public enum Component: String, CaseIterable, Codable, Sendable {
  case apiServer = "fake-apiserver"
  case kubelet = "fake-kubelet"
  case schedulerElector = "scheduler-elector"
  case controllerManagerElector = "controller-manager-elector"
  /// A whole machine of the recipe's machine room, which starts its processes itself.
  case machine

  package static let electors: [Component] = Role.allCases.map(\.elector)
}
