import HTTPEndpoint
import Hummingbird
import NIOCore
import TestSupport
import Testing

@testable import HTTPListening

@Suite(.timeLimit(.minutes(10))) struct HTTPListenerTests {
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

  @Test func aTakenPortIsAReasonInWords() async throws {
    let listener = HTTPListener(address: "127.0.0.1", port: Int(HTTPEndpoint.refusingPort))
    await #expect(throws: HTTPListenError(reason: "Address already in use")) {
      try await listener.run(Self.responder) { Issue.record("it listens at \($0)") }
    }
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
