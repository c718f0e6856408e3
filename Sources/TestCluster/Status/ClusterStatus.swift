/// The state of a node.
public enum NodeState: String, Codable, Sendable {
  /// Its processes run; one that ends by itself is restarted.
  case up
  /// It is starting.
  case starting
  /// It is stopping in good order.
  case stopping
  /// It is off, after `kill` or `stop`, until it is started.
  case down
}

/// A cluster at one instant.
public struct ClusterStatus: Codable, Equatable, Sendable {
  /// A process of a node.
  public struct Process: Codable, Equatable, Sendable {
    public var component: Component
    /// `nil` while it does not run.
    public var pid: Int32?
    public var restarts: Int
    public var isPaused: Bool
  }

  /// A node.
  public struct Node: Codable, Equatable, Sendable {
    public var name: String
    public var state: NodeState
    /// The kubelet's URL.
    public var kubelet: String
    public var processes: [Process]
    /// The elected pods that its runtime runs at this instant, ending ones included.
    public var running: [Role]
    /// Whether its kubelet answered.
    public var answers: Bool
    /// Whether it is cut off from the network, or its electors from the store.
    public var isCut = false
  }

  /// The store.
  public struct Store: Codable, Equatable, Sendable {
    public var urls: [String]
    /// `nil` for an external store.
    public var state: NodeState?
    public var pid: Int32?
    public var restarts: Int
    public var isPaused: Bool
  }

  /// A lease, as the store has it.
  public struct Lease: Codable, Equatable, Sendable {
    public var role: Role
    /// `nil` when the lease is free, or the store does not answer.
    public var holder: String?
    /// The rest of its TTL.
    public var ttlSeconds: Int64?
    /// The key's `createdIndex`: the same during one term, larger in each later one.
    public var term: UInt64?
    /// Why the store did not answer; `nil` when it did.
    public var problem: String?
  }

  public var store: Store
  public var nodes: [Node]
  public var leases: [Lease]
  public var pods: [PodRow]
  /// The last events, oldest first.
  public var events: [String]

  /// The lease of a role.
  public func lease(_ role: Role) -> Lease? { self.leases.first { $0.role == role } }

  /// The nodes whose kubelets run the role's pod.
  public func runners(of role: Role) -> [String] {
    self.nodes.filter { $0.running.contains(role) }.map(\.name)
  }

  /// The one node that holds the role's lease and alone runs its pod.
  public func leader(of role: Role) -> String? {
    guard let holder = self.lease(role)?.holder, self.runners(of: role) == [holder] else {
      return nil
    }
    return holder
  }
}

extension ClusterStatus {
  /// The leaders by the word of the store, and the nodes that run the pods by that of the kubelets.
  package var leaderTable: TextTable {
    TextTable(
      header: ["KEY", "LEADER", "RUNS ON", "TTL"],
      rows: self.leases.map { lease in
        let runners = self.runners(of: lease.role)
        return [
          lease.role.key, lease.holder ?? (lease.problem == nil ? "<none>" : "<unknown>"),
          runners.isEmpty ? "<none>" : runners.joined(separator: ","),
          lease.ttlSeconds.map { "\($0)s" } ?? "-",
        ]
      })
  }

  /// What is wrong, a line each.
  package var remarks: [String] {
    var result: [String] = []
    if self.store.state == .down { result.append("the store is down") }
    if self.store.isPaused { result.append("the store is paused") }
    for node in self.nodes {
      if node.state != .up { result.append("\(node.name) is \(node.state.rawValue)") }
      if node.isCut { result.append("\(node.name) is cut off") }
      let paused = node.processes.filter(\.isPaused).map(\.component.rawValue)
      if !paused.isEmpty {
        result.append("\(node.name): \(paused.joined(separator: ", ")) paused")
      }
    }
    if let problem = self.leases.compactMap(\.problem).first {
      result.append("the store does not name the leaders: \(problem)")
    }
    return result
  }

  /// The recipe's table, the leaders, and what is wrong.
  /// - Parameter withAges: without ages, two views are equal until something happens.
  package func view(withAges: Bool = true) -> String {
    let pods = self.pods.map { row in
      var row = row
      if !withAges { (row.age, row.restarts) = ("", String(row.restarts.prefix { $0 != " " })) }
      return row
    }
    var status = self
    if !withAges {
      status.leases = self.leases.map {
        var copy = $0; copy.ttlSeconds = nil; return copy
      }
    }
    var blocks = [
      pods.isEmpty ? "No pods run." : PodRow.table(pods).description,
      status.leaderTable.description,
    ]
    if !self.remarks.isEmpty { blocks.append(self.remarks.joined(separator: "\n")) }
    return blocks.joined(separator: "\n\n")
  }
}
