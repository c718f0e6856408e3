import EtcdClient
import FakeAPIServer
import FaultRelay
import HTTPEndpoint
import KVStore

/// A fake-apiserver on a kvstore in memory, over real sockets, behind a relay that can fall silent.
public struct TestAPIServer: Sendable {
  /// The URL for kubelets and daemons.
  public let url: String
  /// A client of the server itself, past the relay.
  public let user: APIUser
  private let relay: Relay

  /// While true, no bytes pass the relay in either direction.
  public func set(isAway: Bool) { self.relay.isSilent = isAway }

  /// Silences the existing connections; new ones work.
  public func forgetConnections() { self.relay.dropEstablished() }

  /// Runs `body` with a server.
  /// - Parameter nodeGracePeriod: how long a silent node is shown as ready.
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
        configuration.nodeGracePeriod = nodeGracePeriod
        try await withAPIServers(1, configuration, on: client) { urls in
          let port = urls[0].split(separator: ":").last.flatMap { Int($0) } ?? 0
          try await Relay.with(port: port) { relay in
            try await body(
              TestAPIServer(url: relay.endpoint.url, user: APIUser(urls[0]), relay: relay))
          }
        }
      }
      result = .success(())
    } catch {
      result = .failure(error)
    }
    await store.stop()
    try result.get()
  }
}
