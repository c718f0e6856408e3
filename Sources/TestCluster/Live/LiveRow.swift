import Stories

/// A row of the live page.
package enum LiveRow: Hashable, Sendable {
  /// A process.
  package enum Part: Hashable, Sendable {
    case machine, kubelet, apiServer
    /// The elector's parent, which removes the manifest when the lease may be over.
    case guardian(Role)
    case elector(Role)

    var name: String {
      switch self {
      case .machine: "machine"
      case .kubelet: "kubelet"
      case .apiServer: "API server"
      case .guardian(let role): "\(role.key) guard"
      case .elector(let role): "\(role.key) elector"
      }
    }
  }

  /// A member of the store, counted from 1.
  case store(Int)
  case lease(node: String, Role)
  /// What the record beside the lock says: a wait, or a receipt.
  case record(node: String, Role)
  case manifest(node: String, Role)
  case pod(node: String, Role)
  case process(node: String, Part)

  /// The row of what may be on one node only.
  init(_ subject: PresenceLog.Subject, on node: String) {
    switch subject {
    case .manifest(let role): self = .manifest(node: node, role)
    case .pod(let role): self = .pod(node: node, role)
    }
  }

  var name: String {
    switch self {
    case .store(1): "store"
    case .store(let number): "store-\(number)"
    case .lease(_, let role): "\(role.key) lease"
    case .record(_, let role): "\(role.key) record"
    case .manifest(_, let role): "\(role.key) manifest"
    case .pod(_, let role): "\(role.key) pod"
    case .process(_, let part): part.name
    }
  }
}

/// The lanes of the live page: the store, then each node with its rows.
package struct LiveLayout: Equatable, Sendable {
  package private(set) var lanes: [Story.Lane] = []
  package private(set) var places: [LiveRow: Story.Place] = [:]
  /// The lane of each node.
  package private(set) var nodes: [String: Int] = [:]

  package init(_ configuration: ClusterConfiguration) {
    self.add("store", (1...configuration.store.members).map { .store($0) })
    for node in configuration.nodes {
      self.nodes[node] = self.lanes.count
      let isWorker = if case .worker = configuration.host(node) { true } else { false }
      let roles = isWorker ? [] : Role.allCases
      let parts: [LiveRow.Part] =
        configuration.room != nil
        ? [.machine, .kubelet] + (isWorker ? [] : [.apiServer])
        : [.kubelet] + (configuration.hasAPIServers ? [.apiServer] : [])
          + roles.flatMap { [.elector($0), .guardian($0)] }
      self.add(
        node,
        roles.flatMap { role in
          [
            .lease(node: node, role), .record(node: node, role), .manifest(node: node, role),
            .pod(node: node, role),
          ]
        } + parts.map { .process(node: node, $0) })
    }
  }

  private mutating func add(_ name: String, _ rows: [LiveRow]) {
    for (index, row) in rows.enumerated() {
      self.places[row] = Story.Place(lane: self.lanes.count, row: index)
    }
    self.lanes.append(Story.Lane(name, rows: rows.map(\.name)))
  }
}
