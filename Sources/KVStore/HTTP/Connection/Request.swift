import NIOCore
import NIOHTTP1

/// A request with its whole body.
struct Request: Sendable {
  let head: RequestHead
  let body: ByteBuffer
}

/// What stands before the body of a request, as far as this server reads it.
struct RequestHead: Equatable, Sendable {
  var method: HTTPMethod
  /// As it stands in the request line: a path with its query, percent-encoded or not.
  var target: [UInt8]
  /// HTTP/1.0, whose answers end with the connection unless the client says otherwise.
  var isHTTP10 = false
  var isKeepAlive = true
  var body = BodyLength.none
  /// The client sends its body after `100 Continue`.
  var expectsContinue = false
  var contentType: String?
  var authorization: String?
  var host: String?
  var origin: String?
  /// `Sec-Fetch-Site`.
  var fetchSite: String?

  enum BodyLength: Equatable, Sendable {
    case none
    case bytes(Int)
    case chunked
  }
}
