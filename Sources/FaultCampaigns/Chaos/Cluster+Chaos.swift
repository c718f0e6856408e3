import Glibc
import TestCluster

extension Cluster {
  /// Begins a fault of a process or a clock; ``ChaosNetwork`` applies those of the network.
  /// - Returns: the process that is stopped now.
  package func begin(_ fault: ChaosFault) async throws -> ProcessIdentity? {
    switch fault {
    case .kill(.elector(let node, let role)):
      self.identity(.elector(node: node, role))?.signalAlone(SIGKILL)
    case .kill(.guardian(let node, let role)):
      self.leaveToEnd(self.elector(node, role), SIGKILL)
    case .stop(let node, let role):
      self.leaveToEnd(self.elector(node, role), SIGTERM)
    case .kill(.kubelet(let node)):
      await self.end([self.kubelet(node)], by: SIGKILL, within: .seconds(10))
    case .kill(.member(let number)):
      await self.end([.member(number)], by: SIGKILL, within: .seconds(10))
    case .pause(let target):
      let identity = self.identity(target)
      identity?.signalAlone(SIGSTOP)
      return identity
    case .setClock(let node, let seconds):
      try self.directory.setClock(self.name(node), ahead: .seconds(seconds))
    case .cut, .lose, .delay: break
    }
    return nil
  }

  /// Ends the fault.
  /// - Parameter stopped: what ``begin(_:)`` has returned.
  package func finish(_ fault: ChaosFault, _ stopped: ProcessIdentity?) async throws {
    switch fault {
    // Its guard starts it again.
    case .kill(.elector): break
    case .kill(.guardian(let node, let role)), .stop(let node, let role):
      let name = self.elector(node, role)
      let limit = self.configuration.longestHandOver
      guard
        await Self.wait(upTo: limit, until: { self.processes[name]?.isSupervised == false })
      else { throw ClusterError.timedOut("for \(name) to end", after: limit) }
      try await self.launch(name)
    case .kill(.kubelet(let node)): try await self.launch(self.kubelet(node))
    case .kill(.member(let number)): try await self.launch(.member(number))
    case .pause: stopped?.signalAlone(SIGCONT)
    case .setClock(let node, _):
      try self.directory.setClock(self.name(node), ahead: .zero)
    case .cut, .lose, .delay: break
    }
  }

  /// The processes that do not run yet, or whose elector or server does not run.
  package func missing() async -> [String] {
    var result: [String] = []
    for name in self.processes.keys.sorted(by: { "\($0)" < "\($1)" }) {
      let identity = self.processes[name]?.identity
      let isUp: Bool
      switch name {
      case .member, .loadBalancer: isUp = identity?.isAlive == true
      case .component(let node, .kubelet):
        let url = "\(self.kubeletURL(node))/healthz"
        isUp = (try? await self.requests.data(url))?.status == 200
      case .component: isUp = identity?.child?.isAlive == true
      }
      if !isUp { result.append("\(name)") }
    }
    return result
  }

  /// Signals a process, but not its group; it is not started again when it ends.
  private func leaveToEnd(_ name: ProcessName, _ signal: Int32) {
    self.processes[name]?.isWanted = false
    self.processes[name]?.identity?.signalAlone(signal)
  }

  private func identity(_ target: ChaosFault.Target) -> ProcessIdentity? {
    switch target {
    case .elector(let node, let role):
      self.processes[self.elector(node, role)]?.identity?.child
    case .guardian(let node, let role): self.processes[self.elector(node, role)]?.identity
    case .kubelet(let node): self.processes[self.kubelet(node)]?.identity
    case .member(let number): self.processes[.member(number)]?.identity
    }
  }

  private func name(_ node: Int) -> String { self.configuration.nodes[node - 1] }

  private func elector(_ node: Int, _ role: Role) -> ProcessName {
    .component(node: self.name(node), role.elector)
  }

  private func kubelet(_ node: Int) -> ProcessName {
    .component(node: self.name(node), .kubelet)
  }
}
