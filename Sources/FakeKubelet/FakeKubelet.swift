import Logging
import ServiceLifecycle
import Synchronization

/// A kubelet without Kubernetes: it watches a directory of manifests, runs their pods or pretends to, and
/// answers over HTTP as the real one does.
///
/// This class owns the clock, the sockets, the directory and the tasks, and no rules; see the module's page
/// for the rules.
public final class FakeKubelet: Service {
  let configuration: FakeKubeletConfiguration
  let runtime: any ContainerRuntime
  let logger: Logger
  private let onListening: @Sendable (FakeKubeletAddresses) async -> Void
  let start = ContinuousClock.now
  let clock = WallClock.now
  let link: APIServerLink?
  let published = Mutex(Published())
  /// An element for each ``stop()``.
  let stops = AsyncStream<Void>.makeStream()
  private let podListText = Mutex(PodListText())

  struct Published {
    /// The state after the last event; the endpoints answer from it.
    var workers = PodWorkers()
    var readers: [Int: AsyncStream<[PodView]>.Continuation] = [:]
    var lastReader = 0
    /// The last samples of `/stats/summary`.
    var samples: [String: StatsSummary.Sample] = [:]
    /// The loop's last turn.
    var turnedAt = ContinuousClock.now
  }

  /// - Parameters:
  ///   - configuration: directory, node, ports and API servers.
  ///   - runtime: runs the containers.
  ///   - logger: gets the real kubelet's messages where it has one.
  ///   - onListening: called once, when both ports listen.
  public init(
    configuration: FakeKubeletConfiguration, runtime: some ContainerRuntime = PretendRuntime(),
    logger: Logger, onListening: @escaping @Sendable (FakeKubeletAddresses) async -> Void = { _ in }
  ) {
    self.configuration = configuration
    self.runtime = runtime
    self.logger = logger
    self.onListening = onListening
    self.link = configuration.apiServers.map {
      APIServerLink($0, configuration: configuration, runtime: runtime.name, logger: logger)
    }
  }

  /// Makes ``run()`` end in good order: real containers get SIGTERM and their grace period, while the ports still
  /// answer, so that an elector among them sees how its pod ends. A pretended container has nothing to end.
  public func stop() { self.stops.continuation.yield() }

  /// Runs until ``stop()``, graceful shutdown, at which the ports close at once, or until its task is cancelled: then
  /// containers end without a signal or grace period, unless their runtime keeps them.
  /// - Throws: ``FakeKubeletError`` when a port cannot be bound.
  public func run() async throws {
    try await withGracefulShutdownHandler(
      operation: { try await self.serve() }, onGracefulShutdown: { self.stop() })
  }

  private func serve() async throws {
    guard self.configuration.servesHTTP else {
      return await self.runPods(port: self.configuration.port)
    }
    let listeners = KubeletListeners(configuration: self.configuration)
    let routes = KubeletRoutes(kubelet: self)
    // Whether the task was the pods'.
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for port in [KubeletRoutes.Port.readOnly, .main] {
        group.addTask {
          try await listeners.serve(routes, on: port)
          return false
        }
      }
      // No pod starts before both ports listen, since the kubelet may still fail.
      if let addresses = await listeners.addresses() {
        self.logger.info(
          "Started kubelet",
          metadata: [
            "node": "\(self.configuration.nodeName)", "readOnlyPort": "\(addresses.readOnly)",
            "port": "\(addresses.main)", "config": "\(self.configuration.manifestDirectory)",
          ])
        let port = addresses.main.split(separator: ":").last.flatMap { Int($0) } ?? 0
        group.addTask {
          await self.runPods(port: port)
          return true
        }
        await self.onListening(addresses)
      }
      // The end of the pods, or the failure of a port, ends the rest.
      while try await group.next() == false {}
      group.cancelAll()
    }
    self.logger.info("Shut down")
  }

  var now: KubeletInstant { KubeletInstant(sinceStart: self.start.duration(to: .now)) }

  var workers: PodWorkers { self.published.withLock(\.workers) }

  /// The answer of `/pods`.
  var podList: [UInt8] {
    // Inside of the lock, so that the cache never gets older pods.
    self.podListText.withLock {
      $0.text(
        of: self.workers, clock: self.clock, runtime: self.runtime.name,
        address: self.link == nil ? nil : self.configuration.nodeAddress)
    }
  }

  var health: KubeletHealth {
    KubeletHealth(
      idle: self.published.withLock(\.turnedAt).duration(to: .now),
      checkFrequency: self.configuration.fileCheckFrequency)
  }

  /// All pods, including terminating ones, by name.
  public var pods: [PodView] { self.workers.views }

  /// The changes of the pods, beginning with the present ones as ``PodChange/appeared(_:)``. The sequence ends
  /// with ``run()``. A slow reader misses nothing.
  public var changes: PodChanges {
    let (stream, continuation) = AsyncStream.makeStream(of: [PodView].self)
    let id = self.published.withLock { published in
      published.lastReader += 1
      published.readers[published.lastReader] = continuation
      continuation.yield(published.workers.views)
      return published.lastReader
    }
    continuation.onTermination = { [weak self] _ in
      self?.published.withLock { _ = $0.readers.removeValue(forKey: id) }
    }
    return PodChanges(views: stream)
  }

  func publish(_ workers: PodWorkers) {
    self.published.withLock { published in
      published.workers = workers
      published.turnedAt = .now
      guard !published.readers.isEmpty else { return }
      let views = workers.views
      for reader in published.readers.values { reader.yield(views) }
    }
  }

  func endChanges() {
    let readers = self.published.withLock { published in
      defer { published.readers = [:] }
      return Array(published.readers.values)
    }
    for reader in readers { reader.finish() }
  }
}
