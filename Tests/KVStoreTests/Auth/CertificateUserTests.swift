import Foundation
import NIOSSL
import TestSupport
import Testing

@testable import KVStore

/// With `--client-cert-auth` the common name of a client's certificate is a user's name. The answers are those
/// of etcd 3.4.23.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct CertificateUserTests {
  /// A server with `root:pw`; `kube`, who may do all with keys; and guests without rights.
  private func withServer(
    clientCertAuth: Bool = true, _ body: (KVStoreServer, TestAuthority) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { directory in
      let authority = try TestAuthority("kube")
      var files = try writeFiles(
        try authority.issue(.server), trusting: authority, in: directory)
      files.clientCertAuth = clientCertAuth
      let urls = ["https://127.0.0.1:0", "http://127.0.0.1:0"]
      try await withRunningServer(listenURLs: urls, tls: files) { server in
        let plain = TestClient(base: server.urls[1])
        for (path, document) in [
          ("users/root", #"{"user":"root","password":"pw"}"#),
          ("roles/r", #"{"role":"r","permissions":{"kv":{"read":["/*"],"write":["/*"]}}}"#),
          ("users/kube", #"{"user":"kube","password":"p","roles":["r"]}"#),
          ("users/weak", #"{"user":"weak","password":"p","roles":[]}"#),
          ("roles/guest", #"{"role":"guest"}"#), ("enable", nil),
        ] {
          let answer = try await plain.send(.PUT, "/v2/auth/" + path, form: document)
          #expect((200...201).contains(answer.status), "\(path): \(answer.text)")
        }
        try await body(server, authority)
      }
    }
  }

  /// - Parameters are: the certificate's name, a user with its password, and the status of a write and of a
  ///   list of users.
  @Test(
    arguments: [
      ("kube", nil, 201, 401), ("root", nil, 201, 200), ("weak", nil, 401, 401),
      // No user has the name: a guest. The authority's own name does not count.
      ("stranger", nil, 401, 401),
      // The header counts before the certificate.
      ("kube", "root:pw", 201, 200), ("root", "weak:p", 401, 401), ("kube", "kube:wrong", 401, 401),
    ] as [(String, String?, Int, Int)])
  func theNameIsTheUser(name: String, user: String?, write: Int, list: Int) async throws {
    try await self.withServer { server, authority in
      let issued = try authority.issue(.client, name: name)
      try await withTLSClient(of: server.urls[0], trusting: authority, showing: issued) { client in
        let answer = try await client.send(.PUT, "/v2/keys/k", form: "value=1", as: user)
        #expect(answer.status == write)
        #expect(try await client.send(.GET, "/v2/auth/users", as: user).status == list)
      }
      // A connection without a certificate is a guest's.
      #expect(try await TestClient(base: server.urls[1]).get("/k").status == 401)
    }
  }

  /// `--trusted-ca-file` alone asks for certificates, and names no users.
  @Test func withoutTheFlagACertificateIsAGuests() async throws {
    try await self.withServer(clientCertAuth: false) { server, authority in
      let issued = try authority.issue(.client, name: "root")
      try await withTLSClient(of: server.urls[0], trusting: authority, showing: issued) { client in
        let answer = try await client.get("/k")
        #expect(answer.status == 401)
      }
    }
  }

  @Test(arguments: [
    "kube", "sys:admin one", "a, b/OU=c", "x/CN=last", "-", "a;b",
  ])
  func aCommonNameIsRead(name: String) throws {
    // openssl reads a slash as the beginning of the next attribute.
    let issued = try TestAuthority("ca").issue(.client, name: name)
    let certificate = try #require(
      try NIOSSLCertificate.fromPEMBytes(Array(issued.certificate.utf8)).first)
    let found = CertificateName.commonName(der: try certificate.toDERBytes())
    let expected =
      name.contains("/CN=")
      ? "last" : name.split(separator: "/OU=").first.map(String.init) ?? name
    #expect(found.map { String(decoding: $0, as: UTF8.self) } == expected)
  }

  @Test func aCertificateWithoutANameHasNone() throws {
    let issued = try TestAuthority("ca").issue(.client, name: "x/O=y")
    let whole = try NIOSSLCertificate.fromPEMBytes(Array(issued.certificate.utf8))[0].toDERBytes()
    // However it is cut or damaged, nothing else happens.
    for count in 0..<whole.count {
      _ = CertificateName.commonName(der: Array(whole.prefix(count)))
      for byte: UInt8 in [0, 0x7F, 0x80, 0x84, 0xFF] {
        var damaged = whole
        damaged[count] = byte
        _ = CertificateName.commonName(der: damaged)
      }
    }
    #expect(CertificateName.commonName(der: []) == nil)
  }
}
