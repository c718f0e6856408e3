import EtcdClient
import Glibc

extension Cluster {
  /// Kills the store with `SIGKILL`, so that it refuses connections. It stays down until ``startStore()``.
  /// - Throws: ``ClusterError`` when the store is external, or down.
  public func killStore() async throws {
    try self.checkStore(isDown: false, verb: "kill")
    self.storeState = .down
    self.note("kill -9 of the store", isAction: true)
    await self.end(self.members, by: SIGKILL, within: .seconds(10))
  }

  /// Starts the store again, with its data and its port.
  public func startStore() async throws {
    try self.checkStore(isDown: true, verb: "start")
    self.storeState = .starting
    self.note("starting the store at \(self.plan.storeText)", isAction: true)
    do {
      for member in self.members { try await self.launch(member) }
      try await self.waitForStore()
      self.storeState = .up
      self.note("the store is up")
    } catch {
      self.storeState = .down
      await self.end(self.members, by: SIGKILL, within: .seconds(5))
      try Task.checkCancellation()
      throw error
    }
  }

  /// Stops the store with `SIGSTOP`, so that it accepts connections and does not answer.
  public func pauseStore() throws { try self.signalStore(SIGSTOP, verb: "pause", isPaused: true) }

  /// Continues a paused store.
  public func resumeStore() throws {
    try self.signalStore(SIGCONT, verb: "resume", isPaused: false)
  }

  private func signalStore(_ number: Int32, verb: String, isPaused: Bool) throws {
    try self.checkStore(isDown: false, verb: verb)
    self.note("\(verb) the store", isAction: true)
    for member in self.members {
      self.processes[member]?.identity?.signal(number)
      self.processes[member]?.isPaused = isPaused
    }
  }

  private func checkStore(isDown: Bool, verb: String) throws {
    guard let state = self.storeState else { throw ClusterError.externalStore(verb: verb) }
    guard (state == .down) == isDown else {
      throw ClusterError.wrongState(name: "store", state: state, verb: verb)
    }
  }

  /// Waits until the store answers: one endpoint by the v2 API; several members, or v3, by their majority.
  package func waitForStore() async throws {
    let isOurs = self.storeState != nil
    let end = ContinuousClock.now + (isOurs ? .seconds(20) : .seconds(5))
    while true {
      do throws(EtcdClientError) {
        // API servers keep their objects in v2.
        if self.configuration.api == .v2 || self.configuration.hasAPIServers {
          _ = try await self.etcd.get("/")
        }
        for key in self.leaseKeys.values { _ = try await key.perform(.read) }
        return
      } catch .apiMissing(let endpoint, let api) {
        throw ClusterError.storeWithoutAPI(url: endpoint.url, api)
      } catch .malformed(let endpoint, _) {
        throw ClusterError.storeWithoutAPI(url: endpoint.url, self.configuration.api)
      } catch {
        guard ContinuousClock.now < end else {
          throw ClusterError.storeUnreachable(
            urls: self.store.map(\.url), reason: "\(error)",
            log: isOurs ? self.directory.log(.store) : nil)
        }
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }
}
