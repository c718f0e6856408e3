import AsyncHTTPClient
import HTTPEndpoint
import Hummingbird
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import HTTPListening

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct HTTPListenerTests {
  private static let responder = CallbackResponder<BasicRequestContext> { _, _ in
    Response(status: .ok)
  }

  @Test(arguments: [
    ("127.0.0.1", "http://127.0.0.1:80"), ("::1", "http://[::1]:80"), ("::", "http://[::]:80"),
  ])
  func theURLIsThatOfTheAddress(_ address: String, _ url: String) throws {
    let listener = HTTPListener(address: "localhost", port: 0)
    #expect(listener.url(of: try SocketAddress(ipAddress: address, port: 80)) == url)
  }

  @Test func whatHasNoPortHasNoURL() throws {
    let listener = HTTPListener(address: "localhost", port: 0)
    #expect(listener.url(of: try SocketAddress(unixDomainSocketPath: "/s")) == nil)
    #expect(listener.url(of: nil) == nil)
  }

  /// A client that lost its power while it watches is noticed by the kernel.
  @Test func aSilentClientIsAskedWhetherItIsThere() async throws {
    let listener = HTTPListener(address: "127.0.0.1", port: 0)
    try await withThrowingTaskGroup(of: Void.self) { group in
      let (urls, listening) = AsyncStream.makeStream(of: String.self)
      group.addTask { try await listener.run(Self.responder) { listening.yield($0) } }
      let url = try #require(await urls.first { _ in true })
      let port = try #require(url.split(separator: ":").last.flatMap { Int($0) })
      let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connect(host: "127.0.0.1", port: port).get()
      try await eventually {
        let timers = try KeepAliveTimers.ofConnections(localPort: port)
        return timers.count == 1 && timers.allSatisfy { $0.map { $0 <= 30 } ?? false }
      }
      try await client.close()
      group.cancelAll()
    }
  }

  @Test func aTakenPortIsAReasonInWords() async throws {
    let listener = HTTPListener(address: "127.0.0.1", port: Int(HTTPEndpoint.refusingPort))
    await #expect(throws: HTTPListenError(reason: "Address already in use")) {
      try await listener.run(Self.responder) { Issue.record("it listens at \($0)") }
    }
  }

  /// A write as a browser sends it, and what this machine's own clients send.
  @Test(
    arguments: [
      ("POST", [:], 200), ("POST", ["Host": "localhost:1"], 200),
      ("GET", ["Host": "evil.example"], 421),
      ("POST", ["Host": "evil.example:8080", "Origin": "http://evil.example:8080"], 421),
      ("POST", ["Origin": "http://evil.example"], 403), ("POST", ["Origin": "null"], 403),
      ("POST", ["Sec-Fetch-Site": "cross-site"], 403),
      ("DELETE", ["Origin": "http://127.0.0.1:1"], 403),
      ("GET", ["Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"], 200),
      (
        "GET", ["Origin": "http://evil.example", "Upgrade": "websocket", "Connection": "upgrade"],
        403
      ),
    ] as [(String, [String: String], Int)])
  func aForeignPageDoesNothing(method: String, headers: [String: String], code: Int) async throws {
    let count = LockedCount()
    let responder = CallbackResponder<BasicRequestContext> { _, _ in
      count.increase()
      return Response(status: .ok)
    }
    let (urls, bound) = AsyncStream.makeStream(of: String.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      group.addTask {
        try await HTTPListener(address: "127.0.0.1", port: 0).run(responder) { bound.yield($0) }
      }
      for await url in urls {
        var request = HTTPClientRequest(url: "\(url)/x")
        request.method = .RAW(value: method)
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        #expect(Int(response.status.code) == code)
        #expect(count.value == (code == 200 ? 1 : 0))
        break
      }
    }
  }

  private final class LockedCount: Sendable {
    private let count = Mutex(0)
    var value: Int { self.count.withLock { $0 } }
    func increase() { self.count.withLock { $0 += 1 } }
  }

  @Test(.enabled(if: TestAuthority.program != nil, "there is no openssl"))
  func aFileThatCannotBeReadIsNamedWithItsFlag() async throws {
    try await TemporaryFiles.with { files in
      let certificates = try Certificates(in: files)
      let (certificate, key) = (certificates.certificate("server"), certificates.key("server"))
      for (tls, start) in [
        (ServerTLS(certificateFile: "/no", keyFile: key), "--tls-cert-file: /no: "),
        (ServerTLS(certificateFile: certificate, keyFile: "/no"), "--tls-private-key-file: /no: "),
        (
          ServerTLS(certificateFile: certificate, keyFile: key, clientAuthorityFile: "/no"),
          "--client-ca-file: /no: "
        ),
      ] {
        do throws(ServerTLSError) {
          _ = try HTTPListener(address: "127.0.0.1", port: 0, tls: tls)
          Issue.record("it was taken: \(tls)")
        } catch {
          #expect("\(error)".hasPrefix(start))
        }
      }
    }
  }
}
