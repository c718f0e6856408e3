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
