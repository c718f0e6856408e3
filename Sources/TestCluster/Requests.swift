import AsyncHTTPClient
import FoundationEssentials
import NIOCore

/// Why a question over HTTP has no answer.
enum RequestError: Error, Equatable, CustomStringConvertible {
  /// Nobody is there: the connection was refused or broken.
  case refused(String)
  /// Somebody may be there, but says nothing.
  case silent
  case status(Int, String)
  case malformed(String)

  var description: String {
    switch self {
    case .refused(let reason): "no connection: \(reason)"
    case .silent: "no answer in time"
    case .status(let code, let body): "HTTP \(code): \(body.prefix(200))"
    case .malformed(let reason): "an answer that cannot be read: \(reason)"
    }
  }
}

/// Asks servers on this machine, without retries: whoever asks here wants to know how things are now.
struct Requests: Sendable {
  enum Method: Sendable { case get, post, put, delete }

  let client: HTTPClient

  static func with<Result: Sendable>(
    _ body: (Requests) async throws -> Result
  ) async throws -> Result {
    var configuration = HTTPClient.Configuration(
      timeout: .init(connect: .seconds(2), read: .seconds(120)))
    configuration.connectionPool.retryConnectionEstablishment = false
    // A kubelet is asked some fifty times a second; what else there is must not wait behind that.
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 8
    return try await HTTPClient.withHTTPClient(configuration: configuration) {
      try await body(Requests(client: $0))
    }
  }

  /// - Parameter body: JSON.
  func data(
    _ url: String, method: Method = .get, within limit: Duration = .seconds(1), body: String? = nil
  ) async throws(RequestError) -> (status: Int, body: Data) {
    var request = HTTPClientRequest(url: url)
    request.method =
      switch method {
      case .get: .GET
      case .post: .POST
      case .put: .PUT
      case .delete: .DELETE
      }
    if let body {
      request.headers.add(name: "Content-Type", value: "application/json")
      request.body = .bytes(ByteBuffer(string: body))
    }
    do {
      let response = try await self.client.execute(
        request, timeout: .milliseconds(limit.milliseconds))
      let body = try await response.body.collect(upTo: 16 << 20)
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

  func json<Value: Decodable>(
    _ type: Value.Type, from url: String, within limit: Duration = .seconds(1)
  ) async throws(RequestError) -> Value {
    let (status, body) = try await self.data(url, within: limit)
    guard (200..<300).contains(status) else {
      throw .status(status, String(decoding: body, as: UTF8.self))
    }
    do {
      return try JSONDecoder().decode(Value.self, from: body)
    } catch {
      throw .malformed("\(error)")
    }
  }
}
