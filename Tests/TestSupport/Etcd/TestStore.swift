import HTTPEndpoint
import KVStore

/// A store with both of etcd's APIs, for a test that has to hold with each.
public enum TestStore: String, CaseIterable, Sendable {
  case kvstore, etcd

  /// The stores that this machine has.
  public static let available = Self.allCases.filter { $0 == .kvstore || RealEtcd.program != nil }

  /// Runs `body` with a store of its own.
  public func with(_ body: (HTTPEndpoint) async throws -> Void) async throws {
    switch self {
    case .kvstore:
      let server = try await KVStoreServer.start(.memory)
      let result: Result<Void, any Error>
      do { result = .success(try await body(HTTPEndpoint(server.urls[0]))) } catch {
        result = .failure(error)
      }
      await server.stop()
      try result.get()
    case .etcd:
      try await RealEtcd.with { try await body($0.endpoint) }
    }
  }
}
