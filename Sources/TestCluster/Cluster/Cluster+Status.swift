import EtcdClient

extension Cluster {
  /// The cluster at this instant, by the word of its kubelets and its store.
  public func status() async -> ClusterStatus {
    async let leases = self.leases()
    var nodes: [ClusterStatus.Node] = []
    var pods: [PodRow] = []
    await withTaskGroup(of: (String, KubeletView?).self) { group in
      for node in self.configuration.nodes {
        group.addTask { (node, await KubeletView(self.kubeletURL(node), self.requests)) }
      }
      for await (node, view) in group {
        nodes.append(self.node(node, view))
        pods += view?.rows ?? []
      }
    }
    let store = self.processes[.store]
    return ClusterStatus(
      store: ClusterStatus.Store(
        urls: self.store.map(\.url), state: self.storeState, pid: store?.identity?.pid,
        restarts: store?.restarts ?? 0, isPaused: store?.isPaused ?? false),
      nodes: nodes.sorted { $0.name < $1.name }, leases: await leases,
      pods: pods.sorted { $0.name < $1.name }, events: self.events.map(\.text))
  }

  private func node(_ name: String, _ view: KubeletView?) -> ClusterStatus.Node {
    ClusterStatus.Node(
      name: name, state: self.nodeStates[name] ?? .down, kubelet: self.kubeletURL(name),
      processes: self.configuration.components.map { component in
        let process = self.processes[.component(node: name, component)]
        return ClusterStatus.Process(
          component: component, pid: process?.identity?.pid, restarts: process?.restarts ?? 0,
          isPaused: process?.isPaused ?? false)
      },
      running: Role.allCases.filter { view?.running.contains("\($0.podName)-\(name)") == true },
      answers: view != nil, isCut: self.cutNodes.contains(name))
  }

  /// The two leases as the store has them.
  private func leases() async -> [ClusterStatus.Lease] {
    var result: [ClusterStatus.Lease] = []
    for role in Role.allCases {
      do throws(EtcdClientError) {
        guard
          case .held(let holder, let remaining) = try await self.leaseKeys[role]?.readWithRest()
            .fact
        else {
          result.append(ClusterStatus.Lease(role: role))
          continue
        }
        result.append(
          ClusterStatus.Lease(
            role: role, holder: holder.name, ttlSeconds: remaining.duration?.components.seconds,
            term: holder.term))
      } catch {
        result.append(ClusterStatus.Lease(role: role, problem: "\(error)"))
      }
    }
    return result
  }

  /// Waits until the cluster's status meets a condition.
  /// - Parameters:
  ///   - what: what the caller waits for, for the error: "for a leader".
  ///   - limit: how long to wait.
  ///   - condition: what the status has to fulfil.
  /// - Returns: the status that met it.
  /// - Throws: ``ClusterError/timedOut(_:after:)`` with the last status.
  @discardableResult
  public func waitUntil(
    _ what: String, within limit: Duration = .seconds(60),
    _ condition: @Sendable (ClusterStatus) -> Bool
  ) async throws -> ClusterStatus {
    let end = ContinuousClock.now + limit
    while true {
      let status = await self.status()
      if condition(status) { return status }
      try Task.checkCancellation()
      guard ContinuousClock.now < end else {
        throw ClusterError.timedOut("\(what)\n\(status.view())", after: limit)
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  /// Waits until one node leads: it holds the lease, and it alone runs the pod.
  /// - Parameters:
  ///   - former: a node that does not count.
  ///   - limit: how long to wait.
  ///   - role: the elected daemon.
  /// - Returns: the leader's name.
  /// - Throws: ``ClusterError/timedOut(_:after:)``.
  @discardableResult
  public func waitForLeader(
    of role: Role, otherThan former: String? = nil, within limit: Duration = .seconds(60)
  ) async throws -> String {
    let status = try await self.waitUntil(
      "for a leader of \(role.key)\(former.map { " other than \($0)" } ?? "")", within: limit
    ) { status in status.leader(of: role).map { $0 != former } ?? false }
    return status.leader(of: role) ?? ""
  }
}
