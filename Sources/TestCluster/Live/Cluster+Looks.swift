import Elector
import EtcdClient
import FoundationEssentials
import Linux
import NIOPosix

/// What the page is fed with, beside ``Cluster/status()``.
extension Cluster {
  /// The processes that this process has started, as the kernel has them: a signal from elsewhere shows as well.
  package nonisolated func processStates() async -> [LiveRow: ProcessState] {
    // Reading /proc takes a while, in which the cluster has to act.
    let (identities, cutNodes) = await self.identities()
    var states: [LiveRow: ProcessState] = [:]
    for (name, identity) in identities {
      switch name {
      case .member(let number): states[.store(number)] = ProcessState(identity)
      case .loadBalancer: break
      case .component(let node, let component):
        let isCut = cutNodes.contains(node)
        func set(_ part: LiveRow.Part, _ identity: ProcessIdentity?, isCut: Bool = false) {
          states[.process(node: node, part)] = ProcessState(identity, isCut: isCut)
        }
        switch component {
        case .machine: set(.machine, identity, isCut: isCut)
        case .apiServer: set(.apiServer, identity)
        case .kubelet: set(.kubelet, identity)
        case .schedulerElector, .controllerManagerElector:
          let role: Role = component == .schedulerElector ? .scheduler : .controllerManager
          set(.guardian(role), identity)
          // The others do not ask the store.
          set(.elector(role), identity?.child, isCut: isCut)
        }
      }
    }
    return states
  }

  private func identities() -> ([ProcessName: ProcessIdentity?], cutNodes: Set<String>) {
    (self.processes.mapValues(\.identity), self.cutNodes)
  }

  /// The servers of machines, by their answers: their processes are the machines' own.
  package nonisolated func serverStates(_ status: ClusterStatus) async -> [LiveRow: ProcessState] {
    guard self.configuration.room != nil else { return [:] }
    var states: [LiveRow: ProcessState] = [:]
    for node in status.nodes {
      func state(_ answers: Bool) -> ProcessState {
        ProcessState(
          node.isCut ? .cut : answers ? .alive : .down, answers ? "answers" : "no answer")
      }
      states[.process(node: node.name, .kubelet)] = state(node.answers)
      guard let server = self.apiServerURL(node.name) else { continue }
      let answer = try? await self.requests.data("\(server)/healthz")
      states[.process(node: node.name, .apiServer)] = state(answer?.status == 200)
    }
    return states
  }

  /// The records beside the locks; none of a lock whose record is absent or did not come.
  package nonisolated func records() async -> [Role: TermRecord] {
    var records: [Role: TermRecord] = [:]
    for role in Role.allCases {
      let answer = try? await self.leaseKeys[role]?.sideValue(TermRecord.key(for: role.key))
      guard case .found(let json, _)? = answer?.fact else { continue }
      records[role] = TermRecord(json: json)
    }
    return records
  }

  /// The first member's figures; `nil` when it does not answer.
  package nonisolated func storeFigures() async -> StoreFigures? {
    guard let url = self.store.first?.url,
      let (status, body) = try? await self.requests.data("\(url)/metrics"), status == 200
    else { return nil }
    return StoreFigures(metrics: String(decoding: body, as: UTF8.self))
  }

  /// The end of a process's log, see ``LogEnd``.
  /// - Parameters:
  ///   - node: a node, or `store`.
  ///   - component: one of the node's processes by name; of the store's, `store`.
  /// - Throws: ``ClusterError``, when there is no such process or no such file.
  package nonisolated func logEnd(
    _ node: String, _ component: String
  ) async throws(ClusterError) -> String {
    let name: ProcessName
    if node == "store" {
      guard component == "store" else { throw .unknownComponent(component, known: ["store"]) }
      name = .store
    } else {
      guard self.configuration.nodes.contains(node) else {
        throw .unknownNode(node, known: self.configuration.nodes)
      }
      let known = self.configuration.components
      guard let component = Component(rawValue: component), known.contains(component) else {
        throw .unknownComponent(component, known: known.map(\.rawValue))
      }
      name = .component(node: node, component)
    }
    let path = self.directory.log(name)
    do {
      return try await NIOThreadPool.singleton.runIfActive { try LogEnd.text(of: path) }
    } catch {
      throw error as? ClusterError ?? .file("read", path: path, reason: "\(error)")
    }
  }
}

extension ProcessState {
  init(_ identity: ProcessIdentity?, isCut: Bool = false) {
    guard let identity, let stat = ProcessStat(process: identity.pid),
      stat.startTicks == identity.startTicks, !stat.hasEnded
    else {
      self.init(.down)
      return
    }
    self.init(stat.state == "T" ? .stopped : isCut ? .cut : .alive, "process \(identity.pid)")
  }
}
