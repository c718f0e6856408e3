import EtcdClient
import KVStore
import Testing

/// On a kvstore in memory; the addresses of a real etcd serve as well.
@Suite struct KeysTests {
  // snippet: connect
  private func withClient(_ body: (EtcdClient) async throws -> Void) async throws {
    try await KVStoreServer.with(.memory) { etcd in
      // One address, or those of all members, separated by commas.
      let endpoints = try EtcdEndpoint.list(etcd.urls[0])
      try await EtcdClient.with(endpoints: endpoints, timeout: .seconds(2), body)
    }
  }
  // end

  // snippet: write
  @Test func `a change by index hits only what was read`() async throws {
    try await self.withClient { client in
      let created = try await client.put("config/limit", value: "10", prevExist: false)
      try await client.put("config/limit", value: "20")
      do {
        try await client.put(
          "config/limit", value: "11", prevIndex: created.node.modifiedIndex)
        Issue.record("what another client wrote was overwritten")
      } catch EtcdClientError.refused(let error) {
        #expect(error.errorCode == EtcdError.compareFailed)
      }
      #expect(try await client.get("config/limit").node.value == "20")
    }
  }
  // end

  // snippet: watch
  @Test func `a watch after a read misses nothing`() async throws {
    try await self.withClient { client in
      try await client.put("jobs/1", value: "open")
      var next = try await client.get("jobs", recursive: true).etcdIndex + 1
      // These come before the watch begins, and it sees them all the same.
      try await client.put("jobs/1", value: "done")
      try await client.put("jobs/2", value: "open")
      var seen: [String] = []
      while seen.count < 2 {
        let change = try await client.watch("jobs", waitIndex: next, recursive: true)
        seen.append("\(change.node.key)=\(change.node.value ?? "")")
        next = change.node.modifiedIndex + 1
      }
      #expect(seen == ["/jobs/1=done", "/jobs/2=open"])
    }
  }
  // end

  // snippet: lease
  @Test(arguments: [EtcdAPI.v2, .v3])
  func `one client holds a leased key at a time`(_ api: EtcdAPI) async throws {
    try await self.withClient { client in
      func key(of name: String) -> EtcdLeasedKey {
        let options = LeaseOptions(
          key: "lock", value: name, ttlSeconds: 10, timeout: .seconds(2))
        return EtcdLeasedKey(client: client, api: api, options: options)
      }
      let (ours, theirs) = (key(of: "a"), key(of: "b"))
      guard case .granted(let term, let index) = try await ours.create().fact else {
        throw EtcdError(errorCode: 0, message: "the key is not ours")
      }
      #expect(try await theirs.create().fact == .exists)
      // A renewal starts the ten seconds again, counted from before it was sent.
      guard case .granted(term, let renewed) = try await ours.renew(ifIndex: index).fact else {
        throw EtcdError(errorCode: 0, message: "the key is no longer ours")
      }
      #expect(try await ours.release(ifIndex: renewed).fact == .released)
      // The term grows with each holder: what two holders must not do can be refused by it.
      guard case .granted(let next, _) = try await theirs.create().fact else {
        throw EtcdError(errorCode: 0, message: "a released key is free")
      }
      #expect(next > term)
    }
  }
  // end

  // snippet: unknown
  @Test func `an error says whether a write may have been applied`() async throws {
    // Nothing listens there, so no server can have seen the request.
    try await EtcdClient.with(endpoints: [EtcdEndpoint("http://127.0.0.1:1")]) { client in
      let error = await #expect(throws: EtcdClientError.self) {
        try await client.put("key", value: "value")
      }
      #expect(error?.isOutcomeUnknown == false)
    }
  }
  // end
}
