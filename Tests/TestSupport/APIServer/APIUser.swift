import KubernetesClient
import KubernetesObjects

/// A client of an API server.
public struct APIUser: Sendable {
  public let servers: APIServers

  public init(_ url: String) {
    // Long, since many tests at once slow a small machine down.
    self.servers = APIServers(
      [APIServer(url: url)], timeout: .seconds(120), longestPause: .milliseconds(50))
  }

  /// `nil` when there is no such object.
  public func get(_ path: String) async throws -> JSONValue? {
    do throws(APIServerError) {
      return try await self.servers.send(APIRequest("GET", path))
    } catch {
      guard error.isNotFound else { throw error }
      return nil
    }
  }

  public func list(_ path: String) async throws -> [JSONValue] {
    try await self.servers.send(APIRequest("GET", path))["items"]?.elements ?? []
  }

  @discardableResult
  public func post(_ path: String, _ object: JSONValue) async throws -> JSONValue {
    try await self.servers.send(APIRequest("POST", path, object))
  }

  @discardableResult
  public func patch(_ path: String, _ change: JSONValue) async throws -> JSONValue {
    try await self.servers.send(APIRequest("PATCH", path, change))
  }

  /// With the object's own grace period.
  @discardableResult
  public func delete(_ path: String) async throws -> JSONValue {
    try await self.servers.send(APIRequest("DELETE", path))
  }
}
