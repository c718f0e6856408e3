import Logging
import ServiceLifecycle
import Synchronization

/// A kubelet without Kubernetes: it watches a directory of manifests, takes their pods through their
/// lives, and answers over HTTP as the real one does.
///
/// It owns the clock, the sockets, the directory and the tasks, and no rules: these are
/// ``ManifestScanner``'s (what a change in the directory means) and ``PodWorkers``' (what happens to
/// the pods). With API servers ``APIServerLink`` stands between it and them.
public final class FakeKubelet: Service {
  let configuration: FakeKubeletConfiguration
  let runtime: any ContainerRuntime
  let logger: Logger
  private let onListening: @Sendable (FakeKubeletAddresses) async -> Void
  let start = ContinuousClock.now
  let clock = WallClock.now
  let link: APIServerLink?
  let published = Mutex(Published())
  private let podListText = Mutex(PodListText())

  struct Published {
    /// What the endpoints answer from: the value after the last event that was taken in.
    var workers = PodWorkers()
    var readers: [Int: AsyncStream<[PodView]>.Continuation] = [:]
    var lastReader = 0
    /// What was used when it was last asked for, by whom.
    var samples: [String: StatsSummary.Sample] = [:]
    /// When the loop last turned.
    var turnedAt = ContinuousClock.now
  }

  /// - Parameters:
  ///   - runtime: what runs the containers.
  ///   - logger: where to say what happens; the wording is the real kubelet's where it has one.
  ///   - onListening: called once, when both ports accept connections.
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

  /// Runs until it is asked to shut down, or its task is cancelled. Containers end with it, without
  /// signal or grace, unless their runtime keeps them.
  /// - Throws: ``FakeKubeletError`` when a port cannot be listened on.
  public func run() async throws {
    guard self.configuration.servesHTTP else {
      await cancelWhenGracefulShutdown { await self.runPods(port: self.configuration.port) }
      return
    }
    let listeners = KubeletListeners(configuration: self.configuration)
    let routes = KubeletRoutes(kubelet: self)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await listeners.serve(routes, on: .readOnly) }
      group.addTask { try await listeners.serve(routes, on: .main) }
      // No pod is begun by a kubelet that is going to fail.
      if let addresses = await listeners.addresses() {
        self.logger.info(
          "Started kubelet",
          metadata: [
            "node": "\(self.configuration.nodeName)", "readOnlyPort": "\(addresses.readOnly)",
            "port": "\(addresses.main)", "config": "\(self.configuration.manifestDirectory)",
          ])
        let port = addresses.main.split(separator: ":").last.flatMap { Int($0) } ?? 0
        group.addTask { await cancelWhenGracefulShutdown { await self.runPods(port: port) } }
        await self.onListening(addresses)
      }
      // Whichever ends first, by failure or on request, ends the others.
      try await group.next()
      group.cancelAll()
    }
    self.logger.info("Shut down")
  }

  var workers: PodWorkers { self.published.withLock(\.workers) }

  /// What `/pods` answers.
  var podList: [UInt8] {
    // The pods are taken inside: whoever comes later has later ones.
    self.podListText.withLock {
      $0.text(
        of: self.workers, clock: self.clock, runtime: self.runtime.name,
        address: self.link == nil ? nil : self.configuration.nodeAddress)
    }
  }

  /// Whether the loop turns.
  var health: KubeletHealth {
    KubeletHealth(
      idle: self.published.withLock(\.turnedAt).duration(to: .now),
      checkFrequency: self.configuration.fileCheckFrequency)
  }

  /// All pods as they are now: those that the manifests ask for, and those that are being ended; by name.
  public var pods: [PodView] { self.workers.views }

  /// What happens to the pods: the first ones are those that are there already. It ends with ``run()``,
  /// or when its reader does; nothing is left out however slowly it is read.
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

extension FakeKubelet {
  /// Runs a kubelet on a directory for as long as `body` takes, without ports: for tests that only want to
  /// know what runs.
  ///
  /// ```swift
  /// try await FakeKubelet.withPods(of: "/tmp/manifests") { kubelet in
  ///   for await change in kubelet.changes { … }
  /// }
  /// ```
  /// - Throws: what `body` throws.
  public static func withPods<Result: Sendable>(
    of directory: String, nodeName: String = "node",
    runtime: some ContainerRuntime = PretendRuntime(),
    logger: Logger = Logger(label: "kubelet") { _ in SwiftLogNoOpLogHandler() },
    _ body: (FakeKubelet) async throws -> Result
  ) async throws -> Result {
    var configuration = FakeKubeletConfiguration(manifestDirectory: directory, nodeName: nodeName)
    configuration.servesHTTP = false
    let kubelet = FakeKubelet(configuration: configuration, runtime: runtime, logger: logger)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await kubelet.run() }
      defer { group.cancelAll() }
      return try await body(kubelet)
    }
  }

  /// Runs a kubelet for as long as `body` takes: for tests, in their own process.
  ///
  /// ```swift
  /// var configuration = FakeKubeletConfiguration(manifestDirectory: "/tmp/m", nodeName: "master1")
  /// configuration.readOnlyPort = 0
  /// configuration.port = 0
  /// try await FakeKubelet.withRunning(configuration, logger: logger) { addresses in
  ///   // GET \(addresses.main)/runningpods/
  /// }
  /// ```
  /// - Throws: what `body` throws, or ``FakeKubeletError`` when the kubelet could not be started.
  public static func withRunning<Result>(
    _ configuration: FakeKubeletConfiguration, runtime: some ContainerRuntime = PretendRuntime(),
    logger: Logger, _ body: (FakeKubeletAddresses) async throws -> Result
  ) async throws -> Result {
    let (started, announcement) = AsyncStream.makeStream(of: FakeKubeletAddresses.self)
    let kubelet = FakeKubelet(configuration: configuration, runtime: runtime, logger: logger) {
      announcement.yield($0)
    }
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        defer { announcement.finish() }
        try await kubelet.run()
      }
      defer { group.cancelAll() }
      for await addresses in started { return try await body(addresses) }
      try await group.waitForAll()
      throw CancellationError()
    }
  }
}
