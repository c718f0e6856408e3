import FoundationEssentials
import Synchronization
import TestSupport
import Testing

@testable import EtcdClient
@testable import HTTPEndpoint

/// Records a client's notices.
private final class Notices: Sendable {
  private let notices = Mutex<[EtcdNotice]>([])
  var all: [EtcdNotice] { self.notices.withLock { $0 } }
  func add(_ notice: EtcdNotice) { self.notices.withLock { $0.append(notice) } }
  func add(_ failure: ClientTLSError?) { self.add(EtcdNotice(tlsFailure: failure)) }
}

@Suite(
  .takesTurns, .timeLimit(.minutes(10)),
  .enabled(if: TestAuthority.program != nil, "there is no openssl"))
struct EtcdTLSTests {
  private static let hasEtcd = RealEtcd.program != nil

  private func withCertificates(
    _ body: (Certificates, TemporaryFiles) async throws -> Void
  ) async throws {
    try await TemporaryFiles.with { try await body(Certificates(in: $0), $0) }
  }

  private func files(
    _ certificates: Certificates, ca: String? = "ca", client: String? = nil
  ) -> ClientTLS.Files {
    ClientTLS.Files(
      caFile: ca.map(certificates.certificate), certFile: client.map(certificates.certificate),
      keyFile: client.map(certificates.key))
  }

  private func read(
    _ endpoint: EtcdEndpoint, _ tls: ClientTLS?, _ api: EtcdAPI
  ) async throws -> LeaseAnswer.Fact {
    try await EtcdClient(
      endpoints: [endpoint], timeout: .seconds(60), connectTimeout: .seconds(30), tls: tls
    ).run { client in
      let options = LeaseOptions(key: "k", value: "me", ttlSeconds: 120, timeout: .seconds(60))
      return try await EtcdLeasedKey(client: client, api: api, options: options, records: false)
        .perform(.read).fact
    }
  }

  @Test(.enabled(if: hasEtcd, "there is no etcd: make deps"))
  func speaksTLSAndShowsItsCertificate() async throws {
    try await self.withCertificates { certificates, _ in
      let options = RealEtcd.Options(certificates: certificates, demandsClientCertificate: true)
      try await RealEtcd.with(options) { etcd in
        let tls = try ClientTLS(self.files(certificates, client: "client"))
        for api in [EtcdAPI.v2, .v3, .auto] {
          #expect(try await self.read(etcd.endpoint, tls, api) == .absent)
        }
      }
    }
  }

  /// The mistakes of the server's certificate, of our authority, and of our certificate.
  @Test(
    .enabled(if: hasEtcd, "there is no etcd: make deps"),
    arguments: [
      ("server", "other-ca", "client", "is not signed by --etcd-cafile ("),
      (
        "server", nil, "client",
        "is not signed by an authority that this system trusts (see --etcd-cafile)"
      ),
      ("elsewhere", "ca", "client", "its certificate is not for the host 127.0.0.1"),
      ("server", "ca", nil, "it requires a client certificate: use --etcd-certfile"),
      ("server", "ca", "other-client", "it rejects the certificate in --etcd-certfile ("),
    ] as [(String, String?, String?, String)])
  func saysWhoDoesNotTrustWhom(
    _ server: String, _ ca: String?, _ client: String?, _ message: String
  ) async throws {
    try await self.withCertificates { certificates, _ in
      let options = RealEtcd.Options(
        certificates: certificates, demandsClientCertificate: true, serverName: server)
      try await RealEtcd.with(options) { etcd in
        let tls = try ClientTLS(self.files(certificates, ca: ca, client: client))
        for api in [EtcdAPI.v2, .v3] {
          let error = await #expect(throws: EtcdClientError.self) {
            try await self.read(etcd.endpoint, tls, api)
          }
          guard case .unreachable(etcd.endpoint, let reason) = error else {
            throw TestFailure("it was \(String(describing: error))")
          }
          #expect(reason.contains(message))
        }
      }
    }
  }

  @Test(.enabled(if: hasEtcd, "there is no etcd: make deps"))
  func usesNewFilesWithoutAnEnd() async throws {
    try await self.withCertificates { certificates, files in
      try files.write(try Self.text(certificates.certificate("other-client")), to: "my.crt")
      try files.write(try Self.text(certificates.key("other-client")), to: "my.key")
      let options = RealEtcd.Options(certificates: certificates, demandsClientCertificate: true)
      try await RealEtcd.with(options) { etcd in
        let notices = Notices()
        let tls = try ClientTLS(
          .init(
            caFile: certificates.certificate("ca"), certFile: files.path("my.crt"),
            keyFile: files.path("my.key")), checkPeriod: .zero)
        let client = EtcdClient(
          endpoints: [etcd.endpoint], timeout: .seconds(60), connectTimeout: .seconds(30), tls: tls,
          notice: notices.add)
        try await client.run { client in
          await #expect(throws: EtcdClientError.self) { try await client.get("k") }
          try files.write(try Self.text(certificates.certificate("client")), to: "my.crt")
          try files.write(try Self.text(certificates.key("client")), to: "my.key")
          let error = await #expect(throws: EtcdClientError.self) { try await client.get("k") }
          #expect(error?.errorCode == EtcdError.keyNotFound)
        }
        #expect(notices.all == [.tlsReloaded])
      }
    }
  }

  /// The certificate arrives before its key.
  @Test func halfOfANewPairDisturbsNobodyAndIsToldOnce() async throws {
    try await self.withCertificates { certificates, files in
      let notices = Notices()
      let (certFile, keyFile) = (files.path("my.crt"), files.path("my.key"))
      try files.write(try Self.text(certificates.certificate("client")), to: "my.crt")
      try files.write(try Self.text(certificates.key("client")), to: "my.key")
      let tls = try ClientTLS(.init(certFile: certFile, keyFile: keyFile), checkPeriod: .zero)
      let before = tls.configuration(notice: notices.add)
      try files.write(try Self.text(certificates.certificate("other-client")), to: "my.crt")
      for _ in 0..<3 {
        #expect(tls.configuration(notice: notices.add).bestEffortEquals(before))
      }
      #expect(
        notices.all == [
          .tlsNotReloaded(
            .keyOfAnother(
              cert: "--etcd-certfile \(certFile)", key: "--etcd-keyfile \(keyFile)"))
        ])
      // An unfinished file is no other failure.
      try files.write("-----BEGIN PRIVATE KEY-----\nMIGH", to: "my.key")
      #expect(tls.configuration(notice: notices.add).bestEffortEquals(before))
      try files.write(try Self.text(certificates.key("other-client")), to: "my.key")
      #expect(!tls.configuration(notice: notices.add).bestEffortEquals(before))
      #expect(notices.all.last == .tlsReloaded && notices.all.count == 3)
    }
  }

  @Test func namesTheFileThatIsWrong() async throws {
    try await self.withCertificates { certificates, files in
      let (cert, key) = (certificates.certificate("client"), certificates.key("client"))
      let other = certificates.key("other-client")
      let missing = files.path("missing")
      try files.write("nothing of the kind", to: "text")
      let text = files.path("text")
      for (files, error) in [
        (
          ClientTLS.Files(caFile: missing),
          ClientTLSError.unreadable(flag: "--etcd-cafile", path: missing, errno: 2)
        ),
        (.init(caFile: text), .noCertificate(flag: "--etcd-cafile", path: text)),
        (.init(caFile: key), .noCertificate(flag: "--etcd-cafile", path: key)),
        (
          .init(certFile: missing, keyFile: key),
          .unreadable(flag: "--etcd-certfile", path: missing, errno: 2)
        ),
        (
          .init(certFile: text, keyFile: key), .noCertificate(flag: "--etcd-certfile", path: text)
        ),
        (
          .init(certFile: cert, keyFile: missing),
          .unreadable(flag: "--etcd-keyfile", path: missing, errno: 2)
        ),
        (.init(certFile: cert, keyFile: text), .noKey(flag: "--etcd-keyfile", path: text)),
        (
          .init(certFile: cert, keyFile: other),
          .keyOfAnother(cert: "--etcd-certfile \(cert)", key: "--etcd-keyfile \(other)")
        ),
        (.init(certFile: cert), .halfAPair(given: "--etcd-certfile", missing: "--etcd-keyfile")),
        (.init(keyFile: key), .halfAPair(given: "--etcd-keyfile", missing: "--etcd-certfile")),
      ] {
        #expect(throws: error) { try ClientTLS(files) }
      }
    }
  }

  private static func text(_ path: String) throws -> String {
    String(decoding: try #require(FileManager.default.contents(atPath: path)), as: UTF8.self)
  }
}
