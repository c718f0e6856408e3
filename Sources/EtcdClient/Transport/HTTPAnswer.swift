import AsyncHTTPClient
import FoundationEssentials
import HTTPEndpoint
import JSONText
import NIOCore
import NIOHTTP1

/// An HTTP response, read to its end.
struct HTTPAnswer: Sendable {
  /// More than etcd accepts in one request, and enough for a directory of small keys.
  static let maximumBytes = 64 << 20

  var status: Int
  var headers: HTTPHeaders
  var body: ByteBuffer
}

extension HTTPAnswer {
  init(_ response: HTTPClientResponse) async throws {
    self.init(
      status: Int(response.status.code), headers: response.headers,
      body: try await response.body.collect(upTo: Self.maximumBytes))
  }

  /// The result of a keys request, by status and body.
  func keysResponse(from endpoint: EtcdEndpoint) throws(EtcdClientError) -> KeysResponse {
    let clusterID = self.headers.first(name: "X-Etcd-Cluster-ID").flatMap { UInt64($0, radix: 16) }
    switch self.status {
    case 200, 201:
      // etcd ends its watches so when it stops.
      if self.body.readableBytes == 0 {
        throw .unanswered(endpoint: endpoint, reason: "the server closed the request")
      }
      guard let index = self.headers.first(name: "X-Etcd-Index").flatMap({ UInt64($0) }) else {
        throw .malformed(endpoint: endpoint, reason: "the header X-Etcd-Index is missing")
      }
      do throws(JSONError) {
        return try KeysResponse(
          parsing: Array(self.body.readableBytesView), etcdIndex: index, clusterID: clusterID)
      } catch {
        throw .malformed(
          endpoint: endpoint, reason: "the body is no event (\(error)): \(self.excerpt)")
      }
    default:
      guard var error = self.decoded(EtcdError.self) else {
        throw self.failure(from: endpoint, api: .v2)
      }
      error.clusterID = clusterID
      throw EtcdClientError(error, from: endpoint)
    }
  }

  /// The meaning of an answer whose body is no error of the API.
  func failure(from endpoint: EtcdEndpoint, api: EtcdAPI) -> EtcdClientError {
    struct Message: Decodable { var message: String }
    switch self.status {
    case 300..<400:
      let location = self.headers.first(name: "Location") ?? "no address"
      return .malformed(
        endpoint: endpoint,
        reason: "status \(self.status) redirects to \(location); redirects are not followed")
    case 401, 403:
      return .denied(
        endpoint: endpoint, reason: self.decoded(Message.self)?.message ?? self.excerpt)
    // Go's mux, for a path without a handler.
    case 404 where self.excerpt.hasPrefix("404 page not found"):
      return .apiMissing(endpoint: endpoint, api)
    default:
      return .malformed(endpoint: endpoint, reason: "status \(self.status): \(self.excerpt)")
    }
  }

  /// The body as JSON; `nil` when it is something else.
  func decoded<Value: Decodable>(_ type: Value.Type) -> Value? {
    try? JSONDecoder().decode(type, from: Data(self.body.readableBytesView))
  }

  /// The body of a success as JSON.
  func value<Value: Decodable>(
    _ type: Value.Type, from endpoint: EtcdEndpoint
  ) throws(EtcdClientError) -> Value {
    guard let value = self.decoded(type) else {
      throw .malformed(endpoint: endpoint, reason: "the body is no \(type): \(self.excerpt)")
    }
    return value
  }

  private var excerpt: String {
    let text = String(decoding: self.body.readableBytesView.prefix(120), as: UTF8.self)
    return text.split(whereSeparator: \.isNewline).joined(separator: " ")
  }
}
