import Glibc
import TestCluster

extension Cluster {
  /// Begins a fault of a process or a clock; those of the network are the network's.
  /// - Returns: the process that stands still now.
  package func begin(_ fault: ChaosFault) async throws -> ProcessIdentity? {
    switch fault {
    case .kill(.elector(let master, let role)):
      self.identity(.elector(master: master, role))?.signalAlone(SIGKILL)
    case .kill(.guardian(let master, let role)):
      self.leaveToEnd(self.elector(master, role), SIGKILL)
    case .stop(let master, let role):
      self.leaveToEnd(self.elector(master, role), SIGTERM)
    case .kill(.kubelet(let master)):
      await self.end([self.kubelet(master)], by: SIGKILL, within: .seconds(10))
    case .kill(.member(let number)):
      await self.end([.member(number)], by: SIGKILL, within: .seconds(10))
    case .pause(let target):
      let identity = self.identity(target)
      identity?.signalAlone(SIGSTOP)
      return identity
    case .setClock(let master, let seconds):
      try self.directory.setClock(self.node(master), ahead: .seconds(seconds))
    case .cut, .lose, .delay: break
    }
    return nil
  }

  /// Ends the fault.
  /// - Parameter stopped: what ``begin(_:)`` has returned.
  package func finish(_ fault: ChaosFault, _ stopped: ProcessIdentity?) async throws {
    switch fault {
    // Its guard does it.
    case .kill(.elector): break
    case .kill(.guardian(let master, let role)), .stop(let master, let role):
      let name = self.elector(master, role)
      let limit = self.configuration.longestHandOver
      guard
        await Self.wait(upTo: limit, until: { self.processes[name]?.isSupervised == false })
      else { throw ClusterError.timedOut("for \(name) to end", after: limit) }
      try await self.launch(name)
    case .kill(.kubelet(let master)): try await self.launch(self.kubelet(master))
    case .kill(.member(let number)): try await self.launch(.member(number))
    case .pause: stopped?.signalAlone(SIGCONT)
    case .setClock(let master, _):
      try self.directory.setClock(self.node(master), ahead: .zero)
    case .cut, .lose, .delay: break
    }
  }

  /// The processes that do not run yet, or whose elector or server does not.
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

  /// Signals a process alone, which is not started again when it ends.
  private func leaveToEnd(_ name: ProcessName, _ signal: Int32) {
    self.processes[name]?.isWanted = false
    self.processes[name]?.identity?.signalAlone(signal)
  }

  private func identity(_ target: ChaosFault.Target) -> ProcessIdentity? {
    switch target {
    case .elector(let master, let role):
      self.processes[self.elector(master, role)]?.identity?.child
    case .guardian(let master, let role): self.processes[self.elector(master, role)]?.identity
    case .kubelet(let master): self.processes[self.kubelet(master)]?.identity
    case .member(let number): self.processes[.member(number)]?.identity
    }
  }

  private func node(_ master: Int) -> String { self.configuration.nodes[master - 1] }

  private func elector(_ master: Int, _ role: Role) -> ProcessName {
    .component(node: self.node(master), role.elector)
  }

  private func kubelet(_ master: Int) -> ProcessName {
    .component(node: self.node(master), .kubelet)
  }
}
