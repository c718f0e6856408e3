import Hummingbird

/// The kubelet's HTTP endpoints. (The real one speaks HTTPS on its main port; this one plain HTTP.)
///
/// Source: `pkg/kubelet/server/server.go`, 1.32.
struct KubeletRoutes: Sendable {
  /// Answers `/pods`.
  let pods: @Sendable () -> JSONValue
  /// Answers `/runningpods/`.
  let runningPods: @Sendable () -> JSONValue

  /// Which of the two ports.
  enum Port: Sendable {
    case readOnly
    case main
  }

  func router(for port: Port) -> Router<BasicRequestContext> {
    let router = Router()
    router.get("healthz") { _, _ in Self.text("ok", status: .ok) }
    router.get("pods") { _, _ in Self.json(self.pods()) }
    // Paths match with and without a slash at the end.
    switch port {
    case .main: router.get("runningpods") { _, _ in Self.json(self.runningPods()) }
    case .readOnly:
      router.get("runningpods") { _, _ in
        Self.text("Debug endpoints are disabled.\n", status: .methodNotAllowed)
      }
    }
    return router
  }

  private static func json(_ value: JSONValue) -> Response {
    Response(
      status: .ok, headers: [.contentType: "application/json"],
      body: .init(byteBuffer: ByteBuffer(bytes: value.utf8 + [UInt8(ascii: "\n")])))
  }

  private static func text(_ text: String, status: HTTPResponse.Status) -> Response {
    Response(
      status: status,
      headers: [
        .contentType: "text/plain; charset=utf-8", .xContentTypeOptions: "nosniff",
      ],
      body: .init(byteBuffer: ByteBuffer(string: text)))
  }
}
