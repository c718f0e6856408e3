import Foundation
import InMemoryLogging
import Logging
import NIOCore
import TestSupport
import Testing

@testable import KVStore

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct TLSTests {
  /// A server with a certificate of an authority of its own.
  private func withServer(
    urls: [String] = ["https://127.0.0.1:0"], asksClients: Bool = false, isExpired: Bool = false,
    limits: ConnectionLimits = .init(), maxConnections: Int? = nil,
    log: InMemoryLogHandler = InMemoryLogHandler(),
    _ body: (KVStoreServer, TestAuthority) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { directory in
      let authority = try TestAuthority("ca")
      let files = try writeFiles(
        try authority.issue(.server, isExpired: isExpired), trusting: asksClients ? authority : nil,
        in: directory)
      try await withRunningServer(
        listenURLs: urls, tls: files, maxConnections: maxConnections,
        logger: Logger(label: "test") { _ in log }, limits: limits
      ) { try await body($0, authority) }
    }
  }

  @Test func aKeyIsWrittenWithTLSAndReadWithout() async throws {
    let urls = ["https://127.0.0.1:0", "http://127.0.0.1:0"]
    try await self.withServer(urls: urls) { server, authority in
      let plain = TestClient(base: server.urls[1])
      try await withTLSClient(of: server.urls[0], trusting: authority) { client in
        #expect(try await client.put("/k", "value=1").status == 201)
        #expect(try await plain.get("/k").value == "1")
        // Clients switch to these addresses.
        let members = try await client.send(.GET, "/v2/members")
        #expect(server.urls[0].hasPrefix("https://127.0.0.1:"))
        #expect(
          members.text.contains(#""clientURLs":["\#(server.urls[0])","\#(server.urls[1])"]"#))
        #expect(
          try await plain.send(.GET, "/v2/machines").text == server.urls.joined(separator: ", "))
        // More than one record, in both directions.
        let large = String(repeating: "x", count: 3 << 20)
        #expect(try await client.put("/large", "value=\(large)").status == 201)
        #expect(try await client.get("/large").value == large)
      }
    }
  }

  @Test func aClientThatTrustsAnotherAuthorityDoesNotTalk() async throws {
    try await self.withServer { server, _ in
      try await withTLSClient(of: server.urls[0], trusting: try TestAuthority("ca")) { client in
        await #expect(throws: (any Error).self) { _ = try await client.get("/k") }
      }
    }
  }

  @Test func aPlainRequestToATLSAddressIsCutOffAndTold() async throws {
    let log = InMemoryLogHandler()
    let start = ContinuousClock.now
    try await self.withServer(log: log) { server, _ in
      let client = TestClient(base: server.urls[0].replacing("https", with: "http"))
      for _ in 0..<5 {
        await #expect(throws: (any Error).self) { _ = try await client.get("/k") }
      }
    }
    let periods = Int(start.duration(to: .now) / LogThrottle().period)
    let lines = log.entries.filter { $0.message == "A TLS handshake failed" }
    // One line for all of them in a period.
    #expect((1...(1 + periods)).contains(lines.count))
    #expect(lines.first?.metadata["client"].map { "\($0)" }?.hasPrefix("127.0.0.1:") == true)
    #expect(lines.first?.metadata["err"] == "HTTP_REQUEST")
  }

  /// The client certificates that `--client-cert-auth` accepts.
  @Test(arguments: ["good", "none", "another authority's", "expired", "a server's"])
  func aClientHasToShowAGoodCertificate(kind: String) async throws {
    let log = InMemoryLogHandler()
    try await self.withServer(asksClients: true, log: log) { server, authority in
      let shown: TestAuthority.Issued? =
        switch kind {
        case "good": try authority.issue(.client)
        case "another authority's": try TestAuthority("ca").issue(.client)
        case "expired": try authority.issue(.client, isExpired: true)
        case "a server's": try authority.issue(.server)
        default: nil
        }
      try await withTLSClient(of: server.urls[0], trusting: authority, showing: shown) { client in
        if kind == "good" {
          let answer = try await client.put("/k", "value=1")
          #expect(answer.status == 201)
        } else {
          await #expect(throws: (any Error).self) { _ = try await client.put("/k", "value=1") }
        }
      }
    }
    #expect(log.entries.contains { $0.message == "A TLS handshake failed" } == (kind != "good"))
  }

  @Test func aWatchGetsItsHeadItsEventsAndItsEnd() async throws {
    try await self.withServer { server, authority in
      try await withTLSClient(of: server.urls[0], trusting: authority) { client in
        let watch = try await client.watch("/k?wait=true")
        #expect(watch.headers.first(name: "X-Etcd-Index") == "0")
        _ = try await client.put("/k", "value=1")
        let event = String(buffer: try await watch.body.collect(upTo: 4096))
        #expect(event.contains(#""value":"1""#))

        let stream = try await client.watch("/?recursive=true&wait=true&stream=true")
        for number in 1...50 { _ = try await client.put("/s", "value=\(number)") }
        var text = ""
        for try await part in stream.body {
          text += String(buffer: part)
          if text.split(separator: "\n").count >= 50, text.hasSuffix("\n") { break }
        }
        let seen = text.matches(of: /"node":\{"key":"\/s","value":"(\d+)"/).map { String($0.1) }
        #expect(seen == (1...50).map(String.init))
      }
      // Its connections are closed now.
      try await eventually { server.watcherCount == 0 }
    }
  }

  @Test func aStopEndsTheWatchesOverTLS() async throws {
    try await self.withServer { server, authority in
      try await withTLSClient(of: server.urls[0], trusting: authority) { client in
        let watch = try await client.watch("/k?wait=true")
        async let stop: Void = server.stop()
        #expect(try await watch.body.collect(upTo: 4096).readableBytes == 0)
        await stop
      }
    }
  }

  @Test func aHandshakeThatDoesNotComeToItsEndIsGivenUp() async throws {
    let log = InMemoryLogHandler()
    let limits = ConnectionLimits(handshakeTime: .milliseconds(100))
    try await self.withServer(limits: limits, log: log) { server, _ in
      let port = try #require(URL(string: server.urls[0])?.port)
      try await onThreadOfItsOwn {
        let connection = try RawConnection(host: "127.0.0.1", port: port)
        // The beginning of a record that would be longer.
        _ = connection.send([0x16, 0x03, 0x01, 0x01, 0x00, 0x01])
        #expect(throws: RawConnection.Failure.gone) {
          _ = try connection.readHead("GET", until: .now + .seconds(60))
        }
      }
    }
    #expect(log.entries.contains { $0.metadata["err"] == "it took too long" })
  }

  @Test func aConnectionThatIsOneTooManyIsToldSoOverTLS() async throws {
    try await self.withServer(maxConnections: 1) { server, authority in
      try await withTLSClient(of: server.urls[0], trusting: authority) { first in
        let watch = try await first.watch("/k?wait=true")
        try await withTLSClient(of: server.urls[0], trusting: authority) { second in
          let answer = try await second.get("/k")
          #expect(answer.status == 503)
          #expect(answer.text.contains("1 connections are open"))
        }
        _ = watch
      }
    }
  }

  @Test func anExpiredCertificateIsWarnedAbout() async throws {
    let log = InMemoryLogHandler()
    try await self.withServer(isExpired: true, log: log) { _, _ in }
    #expect(log.entries.contains { "\($0.message)".contains("certificate has expired on 2") })
  }

  // MARK: Refused at the start

  /// `cert`, `key` and `ca` stand for good files, `other` for another pair's key.
  @Test(arguments: [
    ("none", "key", "ca", "--cert-file", "No such file or directory"),
    ("directory", "key", "ca", "--cert-file", "Is a directory"),
    ("garbage", "key", "ca", "--cert-file", "it holds no certificate in PEM form"),
    ("key", "key", "ca", "--cert-file", "it holds no certificate in PEM form"),
    ("broken", "key", "ca", "--cert-file", "one of its certificates is damaged"),
    ("cert", "none", "ca", "--key-file", "No such file or directory"),
    ("cert", "cert", "ca", "--key-file", "it holds no private key in PEM form"),
    ("cert", "encrypted", "ca", "--key-file", "the key is encrypted"),
    ("cert", "other", "ca", "--key-file", "it is not the key of the certificate in"),
    ("cert", "key", "none", "--trusted-ca-file", "No such file or directory"),
    ("cert", "key", "garbage", "--trusted-ca-file", "it holds no certificate in PEM form"),
  ])
  func aFileThatIsNoGoodIsNamedWithItsFlag(
    cert: String, key: String, authority name: String, flag: String, reason: String
  ) async throws {
    try await withTemporaryDirectory { directory in
      let authority = try TestAuthority("ca")
      let issued = try authority.issue(.server)
      let contents = [
        "cert": issued.certificate, "key": issued.key, "ca": authority.certificate,
        "other": try authority.issue(.server).key, "garbage": "no PEM at all\n",
        "broken": issued.certificate
          + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "encrypted":
          "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
      ]
      for (name, text) in contents {
        try Data(text.utf8).write(to: URL(filePath: "\(directory)/\(name)"))
      }
      try FileManager.default.createDirectory(
        atPath: directory + "/directory", withIntermediateDirectories: false)
      let files = TLSFiles(
        certFile: "\(directory)/\(cert)", keyFile: "\(directory)/\(key)",
        trustedCAFile: "\(directory)/\(name)")
      let path =
        switch flag {
        case "--cert-file": files.certFile
        case "--key-file": files.keyFile
        default: files.trustedCAFile
        }
      let error = await #expect(throws: StartError.self) {
        _ = try await KVStoreServer.start(
          .memory, listenURLs: ["https://127.0.0.1:0"], tls: files)
      }
      let text = error?.description ?? ""
      #expect(text.hasPrefix("cannot use \(path) (\(flag)): \(reason)"), "\(text)")
    }
  }

  private static let secure = "https://127.0.0.1:2379"
  private static let plain = "http://127.0.0.1:2380"

  @Test(arguments: [
    ([secure], TLSFiles(), "https://127.0.0.1:2379 needs TLS"),
    ([plain, secure], TLSFiles(), "https://127.0.0.1:2379 needs TLS"),
    (
      ["unixs://a:1"], TLSFiles(),
      "unixs://a:1 needs TLS: give a certificate with --cert-file and --key-file, or write unix://"
    ),
    ([secure], TLSFiles(certFile: "c"), "--cert-file is given and --key-file is not"),
    ([plain], TLSFiles(keyFile: "k"), "--key-file is given and --cert-file is not"),
    (
      [secure], TLSFiles(certFile: "c", keyFile: "k", clientCertAuth: true),
      "--client-cert-auth is given and --trusted-ca-file is not"
    ),
  ])
  func flagsThatDoNotGoTogetherAreRefused(urls: [String], files: TLSFiles, problem: String) throws {
    let addresses = try urls.map { try ListenAddress($0) }
    let error = #expect(throws: StartError.self) { try files.check(for: addresses) }
    #expect(error?.description.hasPrefix(problem) == true)
  }

  @Test(arguments: [
    ([secure], TLSFiles(certFile: "c", keyFile: "k"), []),
    ([plain], TLSFiles(), []),
    (
      [plain, secure], TLSFiles(certFile: "c", keyFile: "k"),
      [
        "The scheme of client url http://127.0.0.1:2380 is HTTP: --cert-file, --key-file ignored for it"
      ]
    ),
    (
      [plain], TLSFiles(clientCertAuth: true),
      ["The scheme of client url http://127.0.0.1:2380 is HTTP: --client-cert-auth ignored for it"]
    ),
  ])
  func whatIsIgnoredIsWarnedAbout(urls: [String], files: TLSFiles, warnings: [String]) throws {
    let addresses = try urls.map { try ListenAddress($0) }
    #expect(try files.check(for: addresses) == warnings)
  }
}
