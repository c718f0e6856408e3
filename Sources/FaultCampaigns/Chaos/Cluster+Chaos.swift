import Glibc
import TestCluster

extension Cluster {
  /// Begins a fault of a process or a clock; ``ChaosNetwork`` applies those of the network.
  /// - Returns: the process that is stopped now.
  package func begin(_ fault: ChaosFault) async throws -> ProcessIdentity? {
    switch fault {
    case .kill(.guardian(let node, let role)):
      self.leaveToEnd(self.name(.guardian(node: node, role)), SIGKILL)
    case .stop(let node, let role):
      self.leaveToEnd(self.name(.guardian(node: node, role)), SIGTERM)
    case .kill(let target):
      if case .elector = target {
        self.identity(target)?.signalAlone(SIGKILL)
      } else {
        await self.end([self.name(target)], by: SIGKILL, within: .seconds(10))
      }
    case .pause(let target):
      let identity = self.identity(target)
      identity?.signalAlone(SIGSTOP)
      return identity
    case .setClock(let node, let seconds):
      try self.directory.setClock(
        .component(node: self.configuration.nodes[node - 1], .kubelet), ahead: .seconds(seconds))
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
      let name = self.name(.guardian(node: node, role))
      try await Self.wait(for: "\(name) to end", within: self.configuration.longestHandOver) {
        self.processes[name]?.isSupervised == false
      }
      try await self.launch(name)
    case .kill(let target): try await self.launch(self.name(target))
    case .pause: stopped?.signalAlone(SIGCONT)
    case .setClock(let node, _):
      try self.directory.setClock(
        .component(node: self.configuration.nodes[node - 1], .kubelet), ahead: .zero)
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
    let identity = self.processes[self.name(target)]?.identity
    return if case .elector = target { identity?.child } else { identity }
  }

  /// An elector is the child of the process of that name.
  private func name(_ target: ChaosFault.Target) -> ProcessName {
    let nodes = self.configuration.nodes
    return switch target {
    case .elector(let node, let role), .guardian(let node, let role):
      .component(node: nodes[node - 1], role.elector)
    case .kubelet(let node): .component(node: nodes[node - 1], .kubelet)
    case .member(let number): .member(number)
    }
  }
}
