import Logging

extension FakeKubelet {
  /// Runs a kubelet on a directory, without ports, while `body` runs: for tests that only look at pods.
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

  /// Runs a kubelet in the test's own process while `body` runs.
  ///
  /// ```swift
  /// var configuration = FakeKubeletConfiguration(manifestDirectory: "/tmp/m", nodeName: "master1")
  /// configuration.readOnlyPort = 0
  /// configuration.port = 0
  /// try await FakeKubelet.withRunning(configuration, logger: logger) { addresses in
  ///   // GET \(addresses.main)/runningpods/
  /// }
  /// ```
  /// - Throws: what `body` throws, or ``FakeKubeletError`` when the kubelet cannot start.
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
