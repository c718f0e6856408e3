import Elector
import FoundationEssentials
import Stories
import Synchronization

/// Feeds a ``LiveStory`` with looks at a cluster, and says what a page shows now.
package final class LiveWatch: Sendable {
  /// A time between two looks: short beside a takeover, and cheap for a small machine.
  private static let pause = Duration.milliseconds(250)
  /// The monitor's; what is shorter than two looks can go unseen.
  private static let monitorPause = Duration.milliseconds(50)
  /// How long a look at each node is waited for: two requests to a silent kubelet, and some more.
  private static let looksLimit = Duration.seconds(3)

  package let cluster: Cluster
  private let monitor: Monitor
  private let origin: ContinuousClock.Instant
  private let state: Mutex<State>

  private struct State {
    var story: LiveStory
    var status: ClusterStatus?
    var figures: StoreFigures?
    var figuresAt: ContinuousClock.Instant?
    var requestsPerSecond: Double?
  }

  package init(_ cluster: Cluster) async {
    self.cluster = cluster
    self.monitor = Monitor(cluster, every: Self.monitorPause)
    self.origin = .now
    let configuration = cluster.configuration
    let story = LiveStory(
      title: "Zweimaster: \(configuration.nodes.count) nodes, live",
      layout: LiveLayout(configuration),
      facts: Self.facts(cluster), began: Int64(Date.now.timeIntervalSince1970 * 1000),
      lastEvent: await cluster.events.last?.number ?? 0)
    self.state = Mutex(State(story: story))
  }

  private static func facts(_ cluster: Cluster) -> [String] {
    let configuration = cluster.configuration
    let sleep = configuration.sleep.inSeconds(decimals: 1)
    var facts = [
      "The store is \(cluster.store.map(\.url).joined(separator: ", ")); the leases are kept by its "
        + "\(configuration.api) API.",
      "A lease has a TTL of \(configuration.ttlSeconds) s; the electors' pause is \(sleep) s.",
    ]
    if let timing = try? configuration.timing(), configuration.room == nil {
      let (margin, delay) = (
        timing.margin.inSeconds(decimals: 1), timing.lockDelay.inSeconds(decimals: 1)
      )
      facts.append(
        "A manifest is removed \(margin) s before its lease can end; a winner waits \(delay) s for the earlier pod "
          + "unless there is a receipt.")
    }
    facts.append("The files are in \(cluster.directory.path).")
    return facts
  }

  /// Watches until it is cancelled. Each kind of look has its own pace, so that a silent store does not hold up what
  /// is seen of processes and pods.
  package func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask { await self.monitor.run() }
      group.addTask {
        await self.again {
          await self.lookAround()
          self.monitor.forget(before: .now - .seconds(300))
        }
      }
      group.addTask {
        await self.again {
          let records = await self.cluster.records()
          var status = await self.cluster.status()
          status.leases = status.leases.map(LiveStory.cut)
          let servers = await self.cluster.serverStates(status)
          guard !Task.isCancelled else { return }
          self.state.withLock { $0.status = status }
          self.see(.leases(status.leases, records: records))
          if !servers.isEmpty { self.see(.processes(servers)) }
        }
      }
      group.addTask {
        await self.again(every: .seconds(1)) { self.take(await self.cluster.storeFigures()) }
      }
    }
  }

  /// Sees what needs no request.
  private func lookAround() async {
    self.see(.processes(await self.cluster.processStates()))
    self.see(.events(await self.cluster.events, origin: self.origin))
    self.see(.presence(self.monitor.log, origin: self.origin))
  }

  /// Watches while the body runs, and looks once more when it has ended: a recording has its last state.
  /// - Throws: what the body throws.
  package func watching<Result: Sendable>(
    _ body: () async throws -> Result
  ) async throws -> Result {
    let result = await withDiscardingTaskGroup { group in
      group.addTask { await self.run() }
      defer { group.cancelAll() }
      let result: Swift.Result<Result, any Error>
      do { result = .success(try await body()) } catch { result = .failure(error) }
      await self.waitForLooks()
      return result
    }
    // By now no earlier look can come after this one.
    await self.lookAround()
    return try result.get()
  }

  /// Waits until each node was looked at from now on: what is there is in the recording, whatever follows.
  package func waitForLooks() async {
    await self.monitor.looks(since: .now, within: Self.looksLimit)
  }

  /// What a campaign does or says just now, to a node or to the whole cluster.
  package func tell(_ kind: Story.Mark.Kind, on node: String? = nil, _ text: String) {
    self.see(.told(kind, node: node, text))
  }

  private func again(
    every pause: Duration = LiveWatch.pause, _ look: () async -> Void
  ) async {
    while !Task.isCancelled {
      await look()
      try? await Task.sleep(for: pause)
    }
  }

  private func see(_ look: LiveLook) {
    self.state.withLock { $0.story.see(look, at: (.now - self.origin) / .seconds(1)) }
  }

  private func take(_ figures: StoreFigures?) {
    let now = ContinuousClock.now
    self.state.withLock { state in
      let before = state.figures
      let seconds = state.figuresAt.map { (now - $0) / .seconds(1) } ?? 0
      state.figures = figures
      state.figuresAt = now
      state.requestsPerSecond = nil
      if let figures, let before {
        state.requestsPerSecond = figures.requestsPerSecond(since: before, seconds: seconds)
      }
    }
  }

  /// What a page shows.
  /// - Parameter version: the story's version that it knows; 0 for none.
  package func message(since version: Int) -> LiveMessage {
    let configuration = self.cluster.configuration
    return self.state.withLock { state in
      var status = state.status
      status?.events = []
      return LiveMessage(
        update: state.story.update(since: version), status: status,
        ttlSeconds: configuration.ttlSeconds,
        index: configuration.api == .v2 ? state.figures?.index : state.figures?.revision,
        requestsPerSecond: state.requestsPerSecond, looks: self.monitor.log.looks,
        violations: state.story.violations, canCut: self.cluster.canCut,
        canActOnProcesses: configuration.room == nil,
        ownsStore: status?.store.state != nil)
    }
  }

  /// What is not forgotten, as a story that is over.
  package var recording: Story {
    var story = self.state.withLock { $0.story.recording }
    story.title = "Zweimaster: \(self.cluster.configuration.nodes.count) nodes, recorded"
    return story
  }
}

/// What the server sends to a page: changes of the story, and what stands beside it.
package struct LiveMessage: Codable, Sendable {
  package var update: StoryUpdate
  /// `nil` before the first look.
  package var status: ClusterStatus?
  package var ttlSeconds: Int
  /// Of the last change of the store, in the API of the leases.
  package var index: Int64?
  package var requestsPerSecond: Double?
  /// How often a node was looked at for pods and manifests.
  package var looks: Int
  /// How often a pod or a manifest was on two nodes.
  package var violations: Int
  package var canCut: Bool
  /// Whether verbs take a single process: not those of machines.
  package var canActOnProcesses: Bool
  /// Whether the store can be killed and paused.
  package var ownsStore: Bool
}
