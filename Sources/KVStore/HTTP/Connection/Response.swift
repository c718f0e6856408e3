import NIOCore
import NIOHTTP1

/// An answer, before it is written to a connection.
struct Response: Sendable {
  /// The store's index, which etcd sends in headers.
  enum StoreIndex: Equatable, Sendable {
    case event(UInt64)
    /// Errors have no raft headers.
    case refusal(UInt64)
  }

  var status: HTTPResponseStatus
  var type: StaticString?
  var storeIndex: StoreIndex?
  /// All others.
  var headers: HTTPHeaders
  var body: ByteBuffer

  init(
    _ status: HTTPResponseStatus, type: StaticString? = nil, storeIndex: StoreIndex? = nil,
    body: ByteBuffer = ByteBuffer(), headers: HTTPHeaders = [:]
  ) {
    self.status = status
    self.type = type
    self.storeIndex = storeIndex
    self.headers = headers
    self.body = body
  }

  static func json(
    _ status: HTTPResponseStatus, _ body: String, headers: HTTPHeaders = [:]
  ) -> Response {
    Response(status, type: "application/json", body: ByteBuffer(string: body), headers: headers)
  }

  static func text(
    _ status: HTTPResponseStatus, _ body: String, headers: HTTPHeaders = [:]
  ) -> Response {
    var response = Response(
      status, type: "text/plain; charset=utf-8", body: ByteBuffer(string: body), headers: headers)
    response.headers.add(name: "X-Content-Type-Options", value: "nosniff")
    return response
  }

  /// An event, or the head of a watch.
  static func event(_ status: HTTPResponseStatus, body: ByteBuffer, index: UInt64) -> Response {
    Response(status, type: "application/json", storeIndex: .event(index), body: body)
  }

  static func reading(_ reading: Store.Reading) -> Response {
    .event(.ok, body: reading.body, index: reading.index)
  }

  static func change(
    _ result: Result<Event, StoreError>, actionOnly: Bool, wall: WallSkew
  ) -> Response {
    switch result {
    case .success(let event):
      .event(
        event.isCreation ? .created : .ok, body: event.json(actionOnly: actionOnly, wall: wall),
        index: event.index)
    case .failure(let error): .refusal(error)
    }
  }

  static func refusal(_ error: StoreError) -> Response {
    Response(
      HTTPResponseStatus(statusCode: error.code.status), type: "application/json",
      storeIndex: .refusal(error.index), body: error.json)
  }

  /// Source: Go's `http.Redirect`.
  static func redirect(to location: String, for method: HTTPMethod) -> Response {
    let headers: HTTPHeaders = ["Location": location]
    switch method {
    case .GET, .HEAD:
      let escaped = location.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
        .replacing(">", with: "&gt;").replacing("\"", with: "&#34;").replacing("'", with: "&#39;")
      return Response(
        .movedPermanently, type: "text/html; charset=utf-8",
        body: ByteBuffer(string: "<a href=\"\(escaped)\">Moved Permanently</a>.\n\n"),
        headers: headers)
    default:
      return Response(.movedPermanently, headers: headers)
    }
  }
}
