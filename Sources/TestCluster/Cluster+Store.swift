import EtcdClient
import Glibc

extension Cluster {
  /// Kills the store with `SIGKILL`: from then on it refuses connections. It stays down until
  /// ``startStore()``.
  public func killStore() async throws {
    try self.checkStore(isDown: false, verb: "die")
    self.storeState = .down
    self.note("kill -9 of the store")
    await self.end([.store], by: SIGKILL, within: .seconds(10))
  }

  /// Brings the store up, with the data and the port that it had.
  public func startStore() async throws {
    try self.checkStore(isDown: true, verb: "start")
    self.storeState = .starting
    self.note("starting the store at \(self.plan.storeText)")
    do {
      try await self.launch(.store)
      try await self.waitForStore()
      self.storeState = .up
      self.note("the store is up")
    } catch {
      self.storeState = .down
      await self.end([.store], by: SIGKILL, within: .seconds(5))
      try Task.checkCancellation()
      throw error
    }
  }

  /// Stops the store's clock: from then on it takes connections and says nothing.
  public func pauseStore() throws {
    try self.checkStore(isDown: false, verb: "pause")
    self.note("pause the store")
    self.processes[.store]?.identity?.signal(SIGSTOP)
    self.processes[.store]?.isPaused = true
  }

  /// Lets a paused store go on.
  public func resumeStore() throws {
    try self.checkStore(isDown: false, verb: "resume")
    self.note("resume the store")
    self.processes[.store]?.identity?.signal(SIGCONT)
    self.processes[.store]?.isPaused = false
  }

  private func checkStore(isDown: Bool, verb: String) throws {
    guard let state = self.storeState else { throw ClusterError.externalStore(verb: verb) }
    guard (state == .down) == isDown else {
      throw ClusterError.wrongState(name: "store", state: state, verb: verb)
    }
  }

  /// Until one of the store's endpoints answers the v2 API.
  func waitForStore() async throws {
    let isOurs = self.storeState != nil
    let end = ContinuousClock.now + (isOurs ? .seconds(20) : .seconds(5))
    while true {
      do throws(EtcdClientError) {
        _ = try await self.etcd.get("/")
        return
      } catch .apiMissing(let endpoint, _), .malformed(let endpoint, _) {
        throw ClusterError.storeWithoutV2(url: endpoint.url)
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
