import FoundationEssentials

extension Cluster {
  /// Performs a verb of the command line and of the page.
  /// - Parameters:
  ///   - verb: such as `kill`.
  ///   - node: its target, or `store`.
  ///   - component: one of the node's processes by name; `nil` for all of them.
  /// - Throws: ``ClusterError``.
  package func perform(_ verb: String, on node: String, component name: String?) async throws {
    let component = try name.map { name throws(ClusterError) -> Component in
      guard let component = Component(rawValue: name) else {
        throw .unknownComponent(name, known: self.configuration.components.map(\.rawValue))
      }
      return component
    }
    if node == "store" {
      switch verb {
      case "kill": try await self.killStore()
      case "start": try await self.startStore()
      case "pause": try self.pauseStore()
      case "resume": try self.resumeStore()
      default:
        throw ClusterError.control("cannot \(verb) the store: use kill, start, pause or resume")
      }
      return
    }
    switch (verb, component) {
    case ("kill", let component?): try self.kill(node, component)
    case ("kill", nil): try await self.kill(node)
    case ("stop", nil): try await self.stop(node)
    case ("start", nil): try await self.start(node)
    case ("pause", _): try self.pause(node, component)
    case ("resume", _): try self.resume(node, component)
    case ("cut", nil): try await self.cut(node)
    case ("mend", nil): try await self.mend(node)
    case ("step-down", let component?): try await self.stepDown(node, component)
    default:
      throw ClusterError.control(
        "cannot \(verb) \(component.map { "\(node)/\($0.rawValue)" } ?? node)")
    }
  }

  /// Whether ``cut(_:)`` can cut nodes off.
  package nonisolated var canCut: Bool { self.configuration.room != nil || !self.relays.isEmpty }

  /// Cuts a node off: a machine of the recipe's room from the network, other nodes' electors from the store.
  package func cut(_ node: String) async throws { try await self.setCut(node, true) }

  /// Ends a ``cut(_:)``.
  package func mend(_ node: String) async throws { try await self.setCut(node, false) }

  /// Whether we cannot reach the node's servers either. While a cut or its end is under way, it may be so.
  package func isUnreachable(_ node: String) -> Bool {
    self.configuration.room != nil
      && (self.cutNodes.contains(node) || self.nodesInChange.contains(node))
  }

  private func setCut(_ node: String, _ isCut: Bool) async throws {
    let verb = isCut ? "cut off" : "mend"
    try self.check(node, verb: verb) { $0 != .down }
    guard self.canCut else {
      throw ClusterError.control(
        "cannot \(verb) \(node): this needs 'zweimaster up --recipe' with machines, or 'zweimaster up --web' without --etcd"
      )
    }
    guard self.nodesInChange.insert(node).inserted else {
      throw ClusterError.control(
        "cannot \(verb) \(node): another 'cut' or 'mend' of it is under way; try again")
    }
    defer { self.nodesInChange.remove(node) }
    // First what can fail.
    if self.configuration.room != nil, let network = self.configuration.network {
      let host = self.configuration.host(node)
      if isCut {
        try await NamespaceNetwork.unplug(in: network.space(host))
      } else {
        try await NamespaceNetwork.plugIn(host, in: network.space(host))
      }
    }
    for relay in self.relays[node] ?? [] { relay.isSilent = isCut }
    if isCut { self.cutNodes.insert(node) } else { self.cutNodes.remove(node) }
    self.note(
      isCut
        ? "\(node) is cut off\(self.configuration.room == nil ? " from the store" : "")"
        : "\(node) is connected again", on: node, isAction: true)
  }

  /// Makes a node's elector release its lease, and follow for two TTLs.
  package func stepDown(_ node: String, _ component: Component) async throws {
    let name = try self.running(node, component, verb: "step down")
    guard let socket = self.directory.controlSocket(name) else {
      throw ClusterError.control(
        "\(name) cannot step down: only electors can, and below a --state-dir with a shorter path")
    }
    self.note("\(name) steps down", on: node, isAction: true)
    let url = "http+unix://\(socket.replacing("/", with: "%2F"))"
    let seconds = 2 * self.configuration.ttlSeconds
    do throws(RequestError) {
      let (status, body) = try await self.requests.data(
        "\(url)/step-down?for=\(seconds)", method: .POST, within: .seconds(5))
      guard status == 202 else { throw .status(status, String(decoding: body, as: UTF8.self)) }
    } catch {
      throw ClusterError.control("\(name) did not step down: \(error)")
    }
  }
}
