import Foundation
import Subprocess
import TestSupport
import Testing

@testable import KVStore

/// The addresses that clients are told, and whether they are still there.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct AddressTests {
  /// - Parameters are: the address that is listened on, the server's end of the connection, the URL.
  @Test(arguments: [
    ("http://0.0.0.0:2379", "10.0.0.5", "http://10.0.0.5:2379"),
    ("https://0.0.0.0:2379", "10.0.0.5", "https://10.0.0.5:2379"),
    ("http://0:2379", "127.0.0.1", "http://127.0.0.1:2379"),
    ("http://[::]:2379", "fd00::5", "http://[fd00::5]:2379"),
    ("http://[::]:2379", "::ffff:10.0.0.5", "http://10.0.0.5:2379"),
    ("http://[0:0:0:0:0:0:0:0]:2379", "::1", "http://[::1]:2379"),
    // It does not listen there.
    ("http://0.0.0.0:2379", "::1", "http://0.0.0.0:2379"),
    ("http://0.0.0.0:2379", nil, "http://0.0.0.0:2379"),
    ("http://10.0.0.5:2379", "127.0.0.1", "http://10.0.0.5:2379"),
    ("http://node1:2379", "10.0.0.5", "http://node1:2379"),
    ("http://100.0.0.0:2379", "10.0.0.5", "http://100.0.0.0:2379"),
    ("http://[fd00::]:2379", "fd00::5", "http://[fd00::]:2379"),
  ])
  func allInterfacesAreTheOneThatTheClientHasReached(
    url: String, address: String?, told: String
  ) throws {
    #expect(try ListenAddress(url).url(reachedAt: address) == told)
  }

  @Test func aClientIsToldTheAddressThatItHasReached() async throws {
    try await withRunningServer(listenURLs: ["http://0.0.0.0:0"]) { server in
      let url = server.urls[0].replacing("0.0.0.0", with: "127.0.0.1")
      let client = TestClient(base: url)
      #expect(try await client.send(.GET, "/v2/machines").text == url)
      for path in ["/v2/members", "/v2/members/leader"] {
        let text = try await client.send(.GET, path).text
        #expect(text.contains(#""clientURLs":["\#(url)"]"#))
      }
    }
  }

  @Test func advertisedAddressesAreToldInstead() async throws {
    let urls = ["http://node1.example:2379", "https://[fd00::5]:4001"]
    try await withRunningServer(advertisedURLs: urls) { server in
      let client = TestClient(base: server.urls[0])
      #expect(try await client.send(.GET, "/v2/machines").text == urls.joined(separator: ", "))
      #expect(
        try await client.send(.GET, "/v2/members").text.contains(
          #""clientURLs":["\#(urls[0])","\#(urls[1])"]"#))
      // A client that follows it is let in by that name.
      let port = try #require(server.urls[0].split(separator: ":").last.flatMap { Int($0) })
      let status = try await onThreadOfItsOwn {
        let connection = try RawConnection(host: "127.0.0.1", port: port)
        _ = connection.send(
          Array("GET /version HTTP/1.1\r\nHost: Node1.Example:2379\r\n\r\n".utf8))
        return try connection.readHead("GET", until: .now + .seconds(60)).status
      }
      #expect(status == 200)
    }
  }

  @Test(arguments: ["10.0.0.5:2379", "http://10.0.0.5:0", "http://a/b", "", "unix://"])
  func whatNoClientCanConnectToIsNamed(url: String) async {
    await #expect(throws: StartError.badAdvertisedURL(url)) {
      _ = try await KVStoreServer.start(.memory, advertisedURLs: [url])
    }
  }

  /// A peer that lost its power while it watches a quiet key is noticed by the kernel.
  @Test func aWatcherThatSaysNothingIsAskedWhetherItIsThere() async throws {
    try await withRunningServer { server in
      let port = try #require(server.urls[0].split(separator: ":").last.flatMap { Int($0) })
      let watch = try await TestClient(base: server.urls[0]).watch("/k?wait=true")
      try await eventually {
        let timers = try KeepAliveTimers.ofConnections(localPort: port)
        return !timers.isEmpty && timers.allSatisfy { (0...30).contains($0 ?? -1) }
      }
      _ = watch
    }
  }

  // MARK: The real program

  private static let ignored = "is ignored: kvstore has one member, no peers, and always both APIs"

  /// A command line, an environment and a file for etcd work.
  @Test func flagsAboutAClusterAreWarnings() async throws {
    try await withTemporaryDirectory { directory in
      let file = directory + "/etcd.yaml"
      let text = """
        listen-client-urls: http://127.0.0.1:0
        listen-peer-urls: http://127.0.0.1:2380
        initial-cluster: default=http://127.0.0.1:2380
        peer-transport-security:
          cert-file: none
          auto-tls: true
        """
      try Data(text.utf8).write(to: URL(filePath: file))
      let arguments = [
        "--initial-advertise-peer-urls", "http://127.0.0.1:2380", "--enable-v2",
        "--initial-cluster-state=new", "--strict-reconfig-check=false", "--config-file", file,
        "--advertise-client-urls", "http://10.0.0.5:2379", "--initial-cluster-token", "t",
      ]
      try await RealProgram.run(
        in: directory, arguments, environment: ["ETCD_HEARTBEAT_INTERVAL": "100"]
      ) { program in
        let machines = try await TestClient(base: program.urls[0]).send(.GET, "/v2/machines")
        #expect(machines.text == "http://10.0.0.5:2379")
        for flag in [
          "--initial-advertise-peer-urls", "--enable-v2", "--initial-cluster-state",
          "--strict-reconfig-check", "--initial-cluster-token",
          "the environment's ETCD_HEARTBEAT_INTERVAL: heartbeat-interval",
          "\(file):2: listen-peer-urls", "\(file):3: initial-cluster",
          "\(file):4: peer-transport-security",
        ] {
          #expect(program.log.contains("\(flag) \(Self.ignored)"), "\(program.log)")
        }
      }
    }
  }

  @Test(arguments: [
    "--client-crl-file=x", "--auto-tls", "--initial-clusters=x", "--client-crl-files",
  ])
  func aFlagThatWouldBeMissedIsAnError(flag: String) async throws {
    let record = try await run(
      RealProgram.built.executable, arguments: Arguments([flag]), input: .none,
      output: .discarded, error: .string(limit: 1 << 16))
    #expect(!record.terminationStatus.isSuccess)
    #expect(record.standardError.contains("\(flag.prefix { $0 != "=" })"))
  }
}
