import AsyncHTTPClient
import FoundationEssentials
import JSONText
import KubernetesObjects
import NIOCore
import NIOHTTP1

/// Why an HTTP request has no good answer.
package enum RequestError: Error, Equatable, CustomStringConvertible {
  /// The connection was refused or broken.
  case refused(String)
  /// The server did not answer in time.
  case silent
  case status(Int, String)
  case malformed(String)

  package var description: String {
    switch self {
    case .refused(let reason): "no connection: \(reason)"
    case .silent: "no answer in time"
    case .status(let code, let body): "HTTP \(code): \(body.prefix(200))"
    case .malformed(let reason): "malformed answer: \(reason)"
    }
  }
}

/// Requests to servers on this machine, without retries: an answer has to say how things are now.
package struct Requests: Sendable {
  package let client: HTTPClient

  /// - Parameter connections: how many requests to one server at a time; further ones wait.
  package static func with<Result: Sendable>(
    connections: Int = 8, _ body: (Requests) async throws -> Result
  ) async throws -> Result {
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow, timeout: .init(connect: .seconds(2), read: .seconds(120)))
    configuration.connectionPool.retryConnectionEstablishment = false
    // The monitor asks a kubelet some fifty times a second; other requests must not wait behind it.
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
    return try await HTTPClient.withHTTPClient(configuration: configuration) {
      try await body(Requests(client: $0))
    }
  }

  /// A longer answer is an error.
  private static let maximumBytes = 256 << 20

  /// - Parameters:
  ///   - accept: the media type of the answer; `nil` for any.
  ///   - json: the body; `nil` for none.
  package func data(
    _ url: String, method: HTTPMethod = .GET, accept: String? = nil, json: String? = nil,
    within limit: Duration = .seconds(1)
  ) async throws(RequestError) -> (status: Int, body: Data) {
    var request = HTTPClientRequest(url: url)
    if let accept { request.headers.add(name: "Accept", value: accept) }
    if let json {
      request.headers.add(name: "Content-Type", value: "application/json")
      request.body = .bytes(ByteBuffer(string: json))
    }
    request.method = method
    do {
      let response = try await self.client.execute(
        request, timeout: .milliseconds(limit.milliseconds))
      let body = try await response.body.collect(upTo: Self.maximumBytes)
      return (Int(response.status.code), Data(body.readableBytesView))
    } catch let error as HTTPClientError
      where [.deadlineExceeded, .readTimeout, .connectTimeout, .cancelled].contains(error)
    {
      throw .silent
    } catch is CancellationError {
      throw .silent
    } catch {
      throw .refused("\(error)")
    }
  }

  package func json<Value: Decodable>(
    _ type: Value.Type, from url: String, within limit: Duration = .seconds(1)
  ) async throws(RequestError) -> Value {
    let body = try await self.body(of: url, within: limit)
    do {
      return try JSONDecoder().decode(Value.self, from: body)
    } catch {
      throw .malformed("\(error)")
    }
  }

  private func body(of url: String, within limit: Duration) async throws(RequestError) -> Data {
    let (status, body) = try await self.data(url, within: limit)
    guard (200..<300).contains(status) else {
      throw .status(status, String(decoding: body, as: UTF8.self))
    }
    return body
  }

  /// The objects of a list; a kubelet without pods answers `"items": null`.
  package func items(
    from url: String, within limit: Duration = .seconds(1)
  ) async throws(RequestError) -> [JSONValue] {
    let body = try await self.body(of: url, within: limit)
    do throws(JSONError) {
      return try JSONValue(parsing: Array(body))["items"]?.elements ?? []
    } catch {
      throw .malformed("\(error)")
    }
  }
}
