import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import EtcdClient

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct EtcdCredentialsTests {
  private func withPassword(
    _ text: String = "secret\n", _ body: (EtcdCredentials, TemporaryFiles) async throws -> Void
  ) async throws {
    try await TemporaryFiles.with { files in
      try files.write(text, to: "password")
      try await body(
        EtcdCredentials(username: "elector", passwordFile: files.path("password")), files)
    }
  }

  @Test(arguments: [
    ("secret", "secret"), ("secret\n", "secret"), ("secret\r\n", "secret"), ("a b\n\n", "a b\n"),
    (" ä:b ", " ä:b "),
  ]) func dropsOneNewline(_ text: String, _ password: String) async throws {
    try await self.withPassword(text) { credentials, _ in
      #expect(credentials.currentPassword == password)
      let encoded = Data("elector:\(password)".utf8).base64EncodedString()
      #expect(credentials.basic == "Basic \(encoded)")
    }
  }

  @Test func namesTheFileThatIsWrong() async throws {
    try await TemporaryFiles.with { files in
      try files.write("\n", to: "empty")
      for (name, error) in [
        ("missing", EtcdCredentialsError.unreadable(files.path("missing"), ENOENT)),
        ("empty", .empty(files.path("empty"))), ("", .noText(files.path(""))),
      ] {
        #expect(throws: error) {
          try EtcdCredentials(username: "elector", passwordFile: files.path(name))
        }
      }
    }
  }

  @Test func noticesWhoElseMayReadIt() async throws {
    try await self.withPassword { credentials, files in
      for (mode, isReadable): (mode_t, Bool) in [(0o600, false), (0o640, true), (0o604, true)] {
        chmod(files.path("password"), mode)
        #expect(credentials.isReadableByOthers == isReadable)
      }
    }
  }

  /// Basic authentication, with a key that etcd's guests cannot write.
  @Test(.enabled(if: RealEtcd.program != nil, "there is no etcd: make deps"))
  func isAUserInV2() async throws {
    try await RealEtcd.with { etcd in
      try await EtcdClient.with(endpoints: [etcd.endpoint], timeout: .seconds(60)) { admin in
        let root = "Basic " + Data("root:rp".utf8).base64EncodedString()
        try await admin.auth("users/root", #"{"user":"root","password":"rp"}"#)
        try await admin.auth(
          "roles/elector",
          #"{"role":"elector","permissions":{"kv":{"read":["/a/*"],"write":["/a/*"]}}}"#)
        try await admin.auth(
          "users/elector", #"{"user":"elector","password":"secret","roles":["elector"]}"#)
        try await admin.auth("enable", "")
        try await admin.auth(
          "roles/guest", #"{"role":"guest","revoke":{"kv":{"read":["/*"],"write":["/*"]}}}"#, root)

        let error = await #expect(throws: EtcdClientError.self) {
          try await Backend.etcdV2.key(admin).perform(.create)
        }
        #expect(error == .denied(endpoint: etcd.endpoint, reason: "Insufficient credentials"))
        try await self.withPassword { credentials, files in
          try await EtcdClient(
            endpoints: [etcd.endpoint], timeout: .seconds(60), connectTimeout: .seconds(30),
            credentials: credentials
          ).run { client in
            try await self.keepsALease(Backend.etcdV2, client)
            // Both sides change it while the client runs.
            try await admin.auth("users/elector", #"{"user":"elector","password":"other"}"#, root)
            await #expect(throws: EtcdClientError.self) {
              try await Backend.etcdV2.key(client).perform(.read)
            }
            try files.write("other\n", to: "password")
            try await self.keepsALease(Backend.etcdV2, client)
          }
        }
      }
    }
  }

  @Test(arguments: TestStore.available)
  func isAUserInV3(_ store: TestStore) async throws {
    let backend = Backend(store, .v3)
    try await store.with { (endpoint: EtcdEndpoint) async throws -> Void in
      try await EtcdClient.with(endpoints: [endpoint], timeout: .seconds(60)) { admin in
        try await self.withPassword { credentials, files in
          try await EtcdClient(
            endpoints: [endpoint], timeout: .seconds(60), connectTimeout: .seconds(30),
            credentials: credentials
          ).run { client in
            // Without authentication a user has no meaning.
            try await self.keepsALease(backend, client)
            try await admin.gateway("/auth/user/add", #"{"name":"root","password":"rp"}"#)
            try await admin.gateway("/auth/role/add", #"{"name":"root"}"#)
            try await admin.gateway("/auth/user/grant", #"{"user":"root","role":"root"}"#)
            try await admin.gateway("/auth/user/add", #"{"name":"elector","password":"secret"}"#)
            try await admin.gateway("/auth/role/add", #"{"name":"elector"}"#)
            let (from, to) = ("/a/", "/a0")
            let range = [from, to].map { Data($0.utf8).base64EncodedString() }
            try await admin.gateway(
              "/auth/role/grant",
              #"""
              {"name":"elector","perm":{"permType":"READWRITE","key":"\#(range[0])",
              "range_end":"\#(range[1])"}}
              """#)
            try await admin.gateway("/auth/user/grant", #"{"user":"elector","role":"elector"}"#)
            try await admin.gateway("/auth/enable", "{}")

            let error = await #expect(throws: EtcdClientError.self) {
              try await backend.key(admin).perform(.read)
            }
            #expect(
              error
                == .denied(
                  endpoint: endpoint,
                  reason:
                    "etcdserver: user name is empty; a certificate's CN is no user in v3: use --etcd-username"
                ))
            try await self.keepsALease(backend, client)
            // etcd does not know the token after a restart, or after a long time without use.
            credentials.forget(token: credentials.currentToken)
            credentials.keep(token: "unknown.1")
            try await self.keepsALease(backend, client)
            let outside = await #expect(throws: EtcdClientError.self) {
              try await backend.key(client, key: "b").perform(.read)
            }
            #expect(
              outside
                == .denied(endpoint: endpoint, reason: "etcdserver: permission denied"))

            let root = try await admin.gateway(
              "/auth/authenticate", #"{"name":"root","password":"rp"}"#)
            let token = String(try #require(root.firstMatch(of: /"token":"([^"]+)"/)).1)
            try await admin.gateway(
              "/auth/user/changepw", #"{"name":"elector","password":"other"}"#, token: token)
            try files.write("other\n", to: "password")
            credentials.forget(token: credentials.currentToken)
            try await self.keepsALease(backend, client)
          }
        }
      }
    }
  }

  /// All requests of an elector.
  private func keepsALease(_ backend: Backend, _ client: EtcdClient) async throws {
    let key = backend.key(client)
    #expect(try await key.perform(.read).fact == .absent)
    let term = try #require(try await key.perform(.create).term)
    let index = try #require(try await key.perform(.renew(ifIndex: term)).grantedIndex)
    async let change = key.nextChange(after: index)
    #expect(try await key.perform(.release(ifIndex: index)).fact == .released)
    guard case .removed = try await change else {
      throw TestFailure("the release was not seen")
    }
  }
}

extension EtcdClient {
  /// Sends a change to v2's list of users.
  fileprivate func auth(
    _ path: String, _ body: String, _ authorization: String? = nil
  ) async throws {
    try await self.transport.send(
      EtcdTransport.Call(
        method: .PUT, target: "/v2/auth/\(path)", body: body, contentType: "application/json",
        authorization: authorization, isRepeatable: true), until: .now + .seconds(10)
    ) { answer, endpoint throws(EtcdClientError) in
      guard (200...201).contains(answer.status) else {
        throw .malformed(endpoint: endpoint, reason: String(buffer: answer.body))
      }
    }
  }
}
