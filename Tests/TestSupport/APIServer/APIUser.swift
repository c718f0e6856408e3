import KubernetesClient
import KubernetesObjects

/// A user of an API server, as kubectl is one.
public struct APIUser: Sendable {
  public let servers: APIServers

  public init(_ url: String) {
    // Many tests at once keep a small machine busy.
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

  /// With the object's own grace.
  @discardableResult
  public func delete(_ path: String) async throws -> JSONValue {
    try await self.servers.send(APIRequest("DELETE", path))
  }
}
