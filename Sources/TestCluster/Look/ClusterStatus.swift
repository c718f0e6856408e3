/// How a node is, as a whole.
public enum NodeState: String, Codable, Sendable {
  /// Its processes run; one that ends by itself is started again.
  case up
  /// It is being brought up.
  case starting
  /// It is being taken down in good order.
  case stopping
  /// It is switched off, by `kill` or `stop`, until somebody starts it.
  case down
}

/// A cluster at one instant, for the table and for programs.
public struct ClusterStatus: Codable, Equatable, Sendable {
  /// A process and how often it had to be started again.
  public struct Process: Codable, Equatable, Sendable {
    public var component: Component
    /// `nil` while it does not run.
    public var pid: Int32?
    public var restarts: Int
    public var isPaused: Bool
  }

  /// A master.
  public struct Node: Codable, Equatable, Sendable {
    public var name: String
    public var state: NodeState
    public var kubelet: String
    public var processes: [Process]
    /// The elected pods that its runtime runs at this instant, one that is being ended included.
    public var running: [Role]
    /// Whether its kubelet answered.
    public var answers: Bool
  }

  /// The store.
  public struct Store: Codable, Equatable, Sendable {
    public var urls: [String]
    /// `nil` when somebody else runs it.
    public var state: NodeState?
    public var pid: Int32?
    public var restarts: Int
    public var isPaused: Bool
  }

  /// A lease as the store has it.
  public struct Lease: Codable, Equatable, Sendable {
    public var role: Role
    /// `nil` when nobody holds it, or when the store does not say.
    public var holder: String?
    /// What is left of it.
    public var ttlSeconds: Int64?
    /// The key's `createdIndex`: the same during one term, larger in each later one.
    public var term: UInt64?
    /// Why nothing is known, when nothing is.
    public var problem: String?
  }

  public var store: Store
  public var nodes: [Node]
  public var leases: [Lease]
  public var pods: [PodRow]
  /// The last things that happened, oldest first.
  public var events: [String]

  /// The lease of a role.
  public func lease(_ role: Role) -> Lease? { self.leases.first { $0.role == role } }

  /// The nodes that run the role's pod.
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
  /// Who leads, as the store says, and who runs it, as the kubelets say.
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

  /// What is not as it should be, a line each.
  package var remarks: [String] {
    var result: [String] = []
    if self.store.state == .down { result.append("the store is down") }
    if self.store.isPaused { result.append("the store is paused") }
    for node in self.nodes {
      if node.state != .up { result.append("\(node.name) is \(node.state.rawValue)") }
      let paused = node.processes.filter(\.isPaused).map(\.component.rawValue)
      if !paused.isEmpty {
        result.append("\(node.name): \(paused.joined(separator: ", ")) paused")
      }
    }
    if let problem = self.leases.compactMap(\.problem).first {
      result.append("the store does not say who leads: \(problem)")
    }
    return result
  }

  /// The live view: the recipe's table, who leads, and what is not as it should be.
  /// - Parameter withAges: without them, two views are the same until something happens.
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
