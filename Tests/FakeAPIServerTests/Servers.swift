import AsyncHTTPClient
import EtcdClient
import FakeAPIServer
import Foundation
import HTTPEndpoint
import KVStore
import KubernetesObjects
import NIOCore
import TestSupport

/// An HTTP client of one server.
struct Caller: Sendable {
  let url: String
  /// Of one request; the client retries a missing server until then.
  var timeout = TimeAmount.seconds(60)

  func call(
    _ method: String, _ path: String, _ body: String? = nil,
    type: String = "application/json", accept: String = "application/json"
  ) async throws -> (code: Int, body: JSONValue) {
    var request = HTTPClientRequest(url: self.url + path)
    request.method = .init(rawValue: method)
    request.headers.add(name: "accept", value: accept)
    if let body {
      request.headers.add(name: "content-type", value: type)
      request.body = .bytes(ByteBuffer(string: body))
    }
    let response = try await HTTPClient.shared.execute(request, timeout: self.timeout)
    let text = try await response.body.collect(upTo: 64 << 20)
    let value = try? JSONDecoder().decode(JSONValue.self, from: Data(text.readableBytesView))
    return (Int(response.status.code), value ?? .string(String(buffer: text)))
  }

  static let pods = "/api/v1/namespaces/default/pods"

  /// A pod's manifest.
  static func pod(_ name: String, labels: String = "{}") -> String {
    #"{"metadata":{"name":"\#(name)","labels":\#(labels)},"spec":{"containers":[{"name":"c","image":"i:1"}]}}"#
  }

  /// The events of a watch, until the body returns.
  func watch<Value: Sendable>(
    _ path: String, _ body: (AsyncThrowingStream<JSONValue, any Error>) async throws -> Value
  ) async throws -> Value {
    let response = try await HTTPClient.shared.execute(
      HTTPClientRequest(url: self.url + path), timeout: .seconds(120))
    let (stream, continuation) = AsyncThrowingStream.makeStream(of: JSONValue.self)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        do {
          var rest: [UInt8] = []
          for try await part in response.body {
            rest += part.readableBytesView
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
              continuation.yield(
                try JSONDecoder().decode(JSONValue.self, from: Data(rest[..<end])))
              rest.removeFirst(end + 1)
            }
          }
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
      defer { group.cancelAll() }
      return try await body(stream)
    }
  }
}

/// Runs the body with some servers on one store.
func withServers(
  _ count: Int = 1, _ configuration: FakeAPIServerConfiguration = .init(),
  _ body: @escaping @Sendable ([Caller], EtcdClient) async throws -> Void
) async throws {
  let store = try await KVStoreServer.start(.memory)
  let result: Result<Void, any Error>
  do {
    try await withServers(count, configuration, on: store.urls[0], body)
    result = .success(())
  } catch {
    result = .failure(error)
  }
  await store.stop()
  try result.get()
}

/// The same with one server.
func withServer(_ body: @escaping @Sendable (Caller) async throws -> Void) async throws {
  try await withServers { servers, _ in try await body(servers[0]) }
}

/// The same on an existing store.
func withServers(
  _ count: Int = 1, _ configuration: FakeAPIServerConfiguration = .init(), on store: String,
  _ body: @escaping @Sendable ([Caller], EtcdClient) async throws -> Void
) async throws {
  try await EtcdClient(endpoints: [EtcdEndpoint(store)], timeout: .seconds(60)).run { client in
    try await withAPIServers(count, configuration, on: client) { urls in
      try await body(urls.map { Caller(url: $0) }, client)
    }
  }
}
