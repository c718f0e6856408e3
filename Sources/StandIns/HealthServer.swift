import HTTPListening
import Hummingbird
import NIOCore

/// `/healthz`: 200 and `ok` for as long as the daemon runs.
///
/// Source: `k8s.io/apiserver/pkg/server/healthz`.
struct HealthServer: Sendable {
  let address: String
  /// 0 lets the kernel choose.
  let port: Int

  /// Serves until it is asked to shut down.
  /// - Parameter onListening: told the URL, once.
  /// - Throws: ``StandInError`` when the port cannot be listened on.
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

/// Why a daemon ended early: its port cannot be listened on.
public struct StandInError: Error, Equatable, CustomStringConvertible {
  let address: String
  let port: Int
  let reason: String

  public var description: String {
    "cannot listen on \(self.address):\(self.port) (--address, --port): \(self.reason); choose others, "
      + "such as --port=0 for any free port"
  }
}
