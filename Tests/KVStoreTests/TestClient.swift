import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import Testing

@testable import KVStore

/// A directory of its own for a test, removed afterwards.
func withTemporaryDirectory<Result>(
  isolation: isolated (any Actor)? = #isolation, _ body: (String) async throws -> Result
) async throws -> Result {
  let directory = FileManager.default.temporaryDirectory
    .appending(path: "kvstore-\(UUID().uuidString)").path
  try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: directory) }
  return try await body(directory)
}

/// A server in this process, stopped afterwards.
func withRunningServer<Result>(
  _ storage: KVStoreServer.Storage = .memory, listenURLs: [String] = ["http://127.0.0.1:0"],
  metricsURLs: [String] = [], advertisedURLs: [String] = [], corsOrigins: CORSOrigins = .none,
  hostWhitelist: [String] = [],
  tls: TLSFiles = TLSFiles(),
  maxConnections: Int? = nil,
  logger: Logger = Logger(label: "test"), limits: ConnectionLimits = ConnectionLimits(),
  isolation: isolated (any Actor)? = #isolation, _ body: (KVStoreServer) async throws -> Result
) async throws -> Result {
  let server = try await KVStoreServer.start(
    storage, listenURLs: listenURLs, metricsURLs: metricsURLs, advertisedURLs: advertisedURLs,
    name: "test",
    corsOrigins: corsOrigins, hostWhitelist: hostWhitelist, tls: tls,
    maxConnections: maxConnections, logger: logger, limits: limits)
  do {
    let result = try await body(server)
    await server.stop()
    return result
  } catch {
    await server.stop()
    throw error
  }
}

func withServer<Result>(
  _ storage: KVStoreServer.Storage = .memory, corsOrigins: CORSOrigins = .none,
  isolation: isolated (any Actor)? = #isolation, _ body: (TestClient) async throws -> Result
) async throws -> Result {
  try await withRunningServer(storage, corsOrigins: corsOrigins) {
    try await body(TestClient(base: $0.urls[0]))
  }
}

/// Sends what curl would send, over a real socket.
struct TestClient: Sendable {
  let base: String
  var http = HTTPClient.shared

  struct Answer: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let text: String

    var index: UInt64? { self.headers.first(name: "X-Etcd-Index").flatMap { UInt64($0) } }
    var errorCode: Int? { self.object?["errorCode"] as? Int }
    var action: String? { self.object?["action"] as? String }
    var value: String? { self.node?["value"] as? String }
    var node: [String: Any]? { self.object?["node"] as? [String: Any] }
    var object: [String: Any]? {
      (try? JSONSerialization.jsonObject(with: Data(self.text.utf8))) as? [String: Any]
    }
  }

  /// - Parameter user: with the password, `name:password`.
  func send(
    _ method: HTTPMethod, _ path: String, form: String? = nil, as user: String? = nil,
    timeout: TimeAmount = .seconds(120)
  ) async throws -> Answer {
    var request = HTTPClientRequest(url: self.base + path)
    request.method = method
    // The library has none to send.
    if self.base.hasPrefix("http+unix:") { request.headers.add(name: "Host", value: "localhost") }
    if let user { request.headers.add(name: "Authorization", value: basicAuthorization(user)) }
    if let form {
      request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
      request.body = .bytes(ByteBuffer(string: form))
    }
    let response = try await self.http.execute(request, timeout: timeout)
    let body = try await response.body.collect(upTo: 64 << 20)
    return Answer(
      status: Int(response.status.code), headers: response.headers, text: String(buffer: body))
  }

  func put(_ key: String, _ form: String) async throws -> Answer {
    try await self.send(.PUT, "/v2/keys" + key, form: form)
  }

  func get(_ key: String) async throws -> Answer {
    try await self.send(.GET, "/v2/keys" + key)
  }

  /// A watch whose head has come: what is done from now on is seen by it.
  func watch(_ keyAndQuery: String) async throws -> HTTPClientResponse {
    let request = HTTPClientRequest(url: self.base + "/v2/keys" + keyAndQuery)
    return try await self.http.execute(request, timeout: .minutes(1))
  }
}

/// The header of a user with a password, `name:password`.
func basicAuthorization(_ user: String) -> String {
  "Basic " + Data(user.utf8).base64EncodedString()
}
