import APIServerClient
import EtcdClient
import FakeAPIServer
import FaultRelay
import KVStore
import Logging

/// A fake-apiserver on a kvstore in memory, over real sockets, behind a relay that can fall silent.
public struct TestAPIServer: Sendable {
  /// What kubelets and daemons are told.
  public let url: String
  /// Somebody who asks the server itself.
  public let user: APIUser
  private let relay: Relay

  /// While it is, nothing goes through to the server, and nothing comes back.
  public func set(isAway: Bool) { self.relay.isSilent = isAway }

  /// Nothing goes through the connections that are there; new ones work.
  public func forgetConnections() { self.relay.dropEstablished() }

  /// Runs `body` with a server.
  /// - Parameter nodeGracePeriod: after which a silent node is not shown as ready any more.
  public static func with(
    nodeGracePeriod: Duration = .seconds(40),
    _ body: @escaping @Sendable (TestAPIServer) async throws -> Void
  ) async throws {
    let store = try await KVStoreServer.start(.memory)
    let result: Result<Void, any Error>
    do {
      let endpoint = try EtcdEndpoint(store.urls[0])
      try await EtcdClient(endpoints: [endpoint], timeout: .seconds(60)).run { client in
        var configuration = FakeAPIServerConfiguration()
        configuration.port = 0
        configuration.nodeGracePeriod = nodeGracePeriod
        try await Self.with(configuration, client, body)
      }
      result = .success(())
    } catch {
      result = .failure(error)
    }
    await store.stop()
    try result.get()
  }

  private static func with(
    _ configuration: FakeAPIServerConfiguration, _ client: EtcdClient,
    _ body: @escaping @Sendable (TestAPIServer) async throws -> Void
  ) async throws {
    let (started, announcement) = AsyncStream.makeStream(of: String.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        defer { announcement.finish() }
        try await FakeAPIServer(
          configuration: configuration, client: client,
          logger: Logger(label: "apiserver") { _ in SwiftLogNoOpLogHandler() }
        ) { announcement.yield($0.insecure ?? "") }.run()
      }
      defer { group.cancelAll() }
      for await url in started {
        let user = APIUser(url)
        // The first namespaces are made beside it.
        let end = ContinuousClock.now + .seconds(120)
        while try await user.get("/api/v1/namespaces/kube-node-lease") == nil {
          guard ContinuousClock.now < end else { throw CancellationError() }
          try await Task.sleep(for: .milliseconds(10))
        }
        let port = url.split(separator: ":").last.flatMap { Int($0) } ?? 0
        return try await Relay.with(port: port) { relay in
          try await body(TestAPIServer(url: relay.endpoint.url, user: user, relay: relay))
        }
      }
      try await group.waitForAll()
    }
  }
}
