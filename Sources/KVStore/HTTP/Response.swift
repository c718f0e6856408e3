import NIOCore
import NIOHTTP1

/// An answer, before it is put on a connection.
struct Response {
  var status: HTTPResponseStatus
  var headers: HTTPHeaders
  var body: ByteBuffer

  init(
    _ status: HTTPResponseStatus, type: String? = nil, body: ByteBuffer = ByteBuffer(),
    headers: HTTPHeaders = [:]
  ) {
    self.status = status
    self.headers = type.map { ["Content-Type": $0] } ?? [:]
    self.headers.add(contentsOf: headers)
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
  static func event(
    _ status: HTTPResponseStatus, body: ByteBuffer, index: UInt64, clusterID: String
  ) -> Response {
    let index = String(index)
    // There is no raft here; its headers are there for clients that want them, and never go back.
    return Response(
      status, type: "application/json", body: body,
      headers: [
        "X-Etcd-Cluster-Id": clusterID, "X-Etcd-Index": index, "X-Raft-Index": index,
        "X-Raft-Term": "2",
      ])
  }

  static func refusal(_ error: StoreError, clusterID: String) -> Response {
    Response(
      HTTPResponseStatus(statusCode: error.code.status), type: "application/json", body: error.json,
      headers: ["X-Etcd-Cluster-Id": clusterID, "X-Etcd-Index": String(error.index)])
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
