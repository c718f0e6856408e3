import AsyncHTTPClient
import Foundation
import Linux
import Subprocess
import TestSupport
import Testing

@testable import KVStore

/// `unix://` addresses: who may open the socket, what becomes of its file, and whether etcd's clients know the way.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct SocketAddressTests {
  private func client(_ path: String) throws -> TestClient {
    let url = try #require(URL(httpURLWithSocketPath: path)?.absoluteString)
    return TestClient(base: url)
  }

  private func mode(_ path: String) -> mode_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode : nil
  }

  @Test func aSocketIsItsOwnersAloneAndGoesWithTheServer() async throws {
    try await withTemporaryDirectory { directory in
      let path = directory + "/kv store.sock"
      try await withRunningServer(listenURLs: ["unix://\(path)"]) { server in
        #expect(server.urls == ["unix://\(path)"])
        #expect(self.mode(path) == S_IFSOCK | 0o600)
        let client = try self.client(path)
        #expect(try await client.put("/a", "value=1").status == 201)
        #expect(try await client.get("/a").value == "1")
        #expect(try await client.send(.GET, "/v2/machines").text == "unix://\(path)")
      }
      #expect(self.mode(path) == nil)
    }
  }

  /// A client elsewhere could not go there.
  @Test func clientsAreToldThePortsWhereThereAreAny() async throws {
    try await withTemporaryDirectory { directory in
      let path = directory + "/socket"
      try await withRunningServer(listenURLs: ["unix://\(path)", "http://127.0.0.1:0"]) { server in
        let machines = try await self.client(path).send(.GET, "/v2/machines").text
        #expect(machines == server.urls[1])
      }
      try await withRunningServer(advertisedURLs: ["unix://\(path)"]) { server in
        let machines = try await TestClient(base: server.urls[0]).send(.GET, "/v2/machines").text
        #expect(machines == "unix://\(path)")
      }
    }
  }

  @Test func whatAKillHasLeftIsReplaced() async throws {
    try await withTemporaryDirectory { directory in
      let path = directory + "/socket"
      close(try UnixSocket.bind(at: path))
      #expect(self.mode(path) != nil)
      try await withRunningServer(listenURLs: ["unix://\(path)"]) { _ in
        let health = try await self.client(path).send(.GET, "/health")
        #expect(health.status == 200)
      }
    }
  }

  @Test func aSocketThatIsServedIsRefusedAndLivesOn() async throws {
    try await withTemporaryDirectory { directory in
      let path = directory + "/socket"
      try await withRunningServer(listenURLs: ["unix://\(path)"]) { _ in
        await #expect(
          throws: StartError.listen(
            flag: "--listen-client-urls", address: path, reason: "another process listens there")
        ) {
          _ = try await KVStoreServer.start(.memory, listenURLs: ["unix://\(path)"])
        }
        let health = try await self.client(path).send(.GET, "/health")
        #expect(health.status == 200)
      }
    }
  }

  /// The last part of the path, and the reason.
  @Test(arguments: [
    ("file", "it is another kind of file"), ("nowhere/socket", "No such file or directory"),
    (String(repeating: "s", count: 120), "the path is too long"),
  ])
  func whatCannotBeASocketIsNamed(name: String, reason: String) async throws {
    try await withTemporaryDirectory { directory in
      try Data("mine".utf8).write(to: URL(filePath: directory + "/file"))
      let path = "\(directory)/\(name)"
      await #expect(
        throws: StartError.listen(flag: "--listen-metrics-urls", address: path, reason: reason)
      ) {
        _ = try await KVStoreServer.start(.memory, metricsURLs: ["unix://\(path)"])
      }
      #expect(try String(contentsOfFile: directory + "/file", encoding: .utf8) == "mine")
    }
  }

  // MARK: The real programs

  /// The output of a command of the shell in a directory.
  private func shell(_ script: String, in directory: String) async throws -> String {
    let result = try await Subprocess.run(
      .path("/bin/bash"), arguments: ["-c", "cd '\(directory)' && \(script)"],
      output: .string(limit: 1 << 20), error: .combinedWithOutput)
    guard result.terminationStatus.isSuccess else {
      throw TestFailure("\(script): \(result.standardOutput)")
    }
    return result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// etcd 3.4 knows only this form: a file in the working directory.
  @Test(.enabled(if: RealEtcd.path(of: "etcdctl") != nil && Curl.isInstalled))
  func etcdctlAndCurlFindTheSocket() async throws {
    try await withTemporaryDirectory { directory in
      let socket = "unix://localhost:12345"
      try await RealProgram.run(
        in: directory, [],
        environment: [
          "ETCD_LISTEN_CLIENT_URLS": "\(socket)",
          "ETCD_LISTEN_METRICS_URLS": "unix://metrics.sock,http://127.0.0.1:0",
        ], shell: "cd '\(directory)' && umask 0", urlCount: 3
      ) { program in
        #expect(program.urls.prefix(2) == [socket, "unix://metrics.sock"])
        #expect(self.mode(directory + "/localhost:12345") == S_IFSOCK | 0o600)
        let three = "ETCDCTL_API=3 etcdctl --endpoints"
        let two = "ETCDCTL_API=2 etcdctl --no-sync --endpoints"
        let metrics = "curl -sS --unix-socket metrics.sock http://localhost"
        for (script, answer) in [
          ("\(three) \(socket) put a 1", "OK"),
          ("\(three) unix://\(directory)/localhost:12345 get a", "a\n1"),
          ("\(two) \(socket) set b 2", "2"),
          ("\(metrics)/health", #"{"health":"true"}"#),
          ("\(metrics)/v2/keys/b", "404 page not found"),
        ] {
          let output = try await self.shell(script, in: directory)
          #expect(output == answer, "\(script)")
        }
        let page = try await TestClient(base: program.urls[2]).send(.GET, "/metrics")
        #expect(page.text.contains("etcd_server_has_leader"))
      }
      #expect(self.mode(directory + "/localhost:12345") == nil)
      #expect(self.mode(directory + "/metrics.sock") == nil)
    }
  }

  @Test(.enabled(if: RealEtcd.path(of: "etcdctl") != nil && TestAuthority.program != nil))
  func aSocketMayHaveTLS() async throws {
    try await withTemporaryDirectory { directory in
      let authority = try TestAuthority("ca")
      let files = try writeFiles(try authority.issue(.server), in: directory)
      try Data(authority.certificate.utf8).write(to: URL(filePath: directory + "/authority.pem"))
      let url = "unixs://\(directory)/localhost:1"
      try await withRunningServer(listenURLs: [url], tls: files) { _ in
        let output = try await self.shell(
          "ETCDCTL_API=3 etcdctl --cacert authority.pem --endpoints unixs://localhost:1 put a 1",
          in: directory)
        #expect(output == "OK")
      }
    }
  }
}
