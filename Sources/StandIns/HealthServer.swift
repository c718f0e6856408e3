import HTTPListening
import Hummingbird
import NIOCore

/// `/healthz`: 200 and `ok` while the daemon runs.
///
/// Source: `k8s.io/apiserver/pkg/server/healthz`.
struct HealthServer: Sendable {
  let address: String
  /// 0 lets the kernel choose.
  let port: Int

  /// Serves until graceful shutdown.
  /// - Parameter onListening: called once with the URL.
  /// - Throws: ``StandInError`` when the port cannot be bound.
  func run(onListening: @escaping @Sendable (String) async -> Void) async throws {
    let router = Router()
    router.get("healthz") { _, _ in
      Response(
        status: .ok,
        headers: [
          .contentType: "text/plain; charset=utf-8", .xContentTypeOptions: "nosniff",
        ], body: .init(byteBuffer: ByteBuffer(string: "ok")))
    }
    do {
      try await HTTPListener(address: self.address, port: self.port).run(
        router.buildResponder(), onListening: onListening)
    } catch let error as HTTPListenError {
      throw StandInError(address: self.address, port: self.port, reason: error.reason)
    }
  }
}
