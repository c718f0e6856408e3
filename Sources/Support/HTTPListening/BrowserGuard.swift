import HTTPEndpoint
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// Asks ``BrowserPolicy`` before a request is answered, whatever the server behind it is.
struct BrowserGuard<Inner: HTTPResponder>: HTTPResponder {
  let policy: BrowserPolicy
  let listener: BoundListener
  let inner: Inner

  func respond(to request: Request, context: Inner.Context) async throws -> Response {
    guard let refusal = self.policy.refusal(of: .init(request), on: self.listener.value) else {
      return try await self.inner.respond(to: request, context: context)
    }
    let status = HTTPResponse.Status(code: refusal.status)
    let text = "\(status.code) \(status.reasonPhrase): \(refusal)\n"
    return Response(
      status: status, headers: [.contentType: "text/plain; charset=utf-8"],
      body: .init(byteBuffer: ByteBuffer(string: text)))
  }
}

/// Where a server listens, which it knows only when it does.
final class BoundListener: Sendable {
  private let listener: Mutex<BrowserPolicy.Listener>

  /// Until the address is known, the stricter rule holds.
  init(isTLS: Bool) { self.listener = Mutex(.init(isLoopback: true, isTLS: isTLS)) }

  var value: BrowserPolicy.Listener { self.listener.withLock { $0 } }

  func bind(to address: String) {
    self.listener.withLock { $0 = .init(address: address, isTLS: $0.isTLS) }
  }
}

extension BrowserPolicy.Request {
  private static let fetchSite = HTTPField.Name("Sec-Fetch-Site")

  init(_ request: Request) {
    let uri = request.uri
    let target = uri.host.map { host in uri.port.map { "\(host):\($0)" } ?? host }
    self.init(
      method: request.method.rawValue, host: target ?? request.head.authority,
      origin: request.headers[.origin],
      fetchSite: Self.fetchSite.flatMap { request.headers[$0] },
      isUpgrade: request.headers[.upgrade] != nil)
  }
}
