import EtcdClient
import Foundation
import KVStore
import Testing

@Suite struct StoreTests {
  // snippet: one line
  @Test func `what is written is read`() async throws {
    try await KVStoreServer.with(.memory) { etcd in
      // etcd.urls[0] is "http://127.0.0.1:40123": the kernel chooses the port.
      try await EtcdClient.with(endpoints: EtcdEndpoint.list(etcd.urls[0])) { client in
        try await client.put("colour", value: "blue")
        #expect(try await client.get("colour").node.value == "blue")
      }
    }
  }
  // end

  // snippet: own etcd
  @Test(arguments: 1...20)
  func `each test has an etcd of its own`(_ number: Int) async throws {
    try await KVStoreServer.with(.memory) { etcd in
      try await EtcdClient.with(endpoints: EtcdEndpoint.list(etcd.urls[0])) { client in
        try await client.put("number", value: "\(number)", prevExist: false)
        #expect(try await client.get("number").node.value == "\(number)")
      }
    }
  }
  // end

  // snippet: restart
  @Test func `a restart finds what was there`() async throws {
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "store-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: directory) }
    for value in ["first", "second"] {
      try await KVStoreServer.with(.directory(directory)) { etcd in
        try await EtcdClient.with(endpoints: EtcdEndpoint.list(etcd.urls[0])) { client in
          let before = try await client.put("start", value: value).prevNode?.value
          #expect(before == (value == "first" ? nil : "first"))
        }
      }
    }
  }
  // end

  // snippet: silence
  @Test func `a client says when its etcd is gone`() async throws {
    let etcd = try await KVStoreServer.start(.memory)
    try await EtcdClient.with(endpoints: EtcdEndpoint.list(etcd.urls[0])) { client in
      try await client.put("key", value: "value")
      await etcd.stop()
      await #expect(throws: EtcdClientError.self) { try await client.get("key") }
    }
  }
  // end
}
