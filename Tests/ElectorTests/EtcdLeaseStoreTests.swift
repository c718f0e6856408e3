import Elector
import EtcdClient
import Foundation
import Testing

/// A real etcd with its v2 API, for as long as a closure runs.
enum RealEtcd {
  static let program = ["/usr/bin/etcd", "/usr/local/bin/etcd"]
    .first { FileManager.default.isExecutableFile(atPath: $0) }

  static func with(_ body: (EtcdClient) async throws -> Void) async throws {
    let program = try #require(self.program)
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "etcd-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: directory) }
    let process = Process()
    process.executableURL = URL(filePath: program)
    // The peers' socket needs no port; the clients' port is told in the log.
    process.arguments = [
      "--enable-v2=true", "--data-dir", directory.path, "--logger", "zap",
      "--listen-client-urls", "http://127.0.0.1:0", "--advertise-client-urls", "http://127.0.0.1:0",
      "--listen-peer-urls", "http://127.0.0.1:0",
      "--initial-advertise-peer-urls", "http://127.0.0.1:0",
      "--initial-cluster", "default=http://127.0.0.1:0", "--unsafe-no-fsync",
    ]
    let log = directory.appendingPathExtension("log")
    try Data().write(to: log)
    defer { try? FileManager.default.removeItem(at: log) }
    let output = try FileHandle(forWritingTo: log)
    process.standardError = output
    process.standardOutput = output
    try process.run()
    defer {
      process.terminate()
      process.waitUntilExit()
    }
    var endpoint: EtcdEndpoint?
    try await eventually("etcd's address in \(log.path)") {
      let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
      let pattern = /serving.*client.*"address":"(127\.0\.0\.1:\d+)"/
      endpoint = text.firstMatch(of: pattern).flatMap { try? EtcdEndpoint(String($0.1)) }
      return endpoint != nil
    }
    try await EtcdClient.with(endpoints: [try #require(endpoint)], body)
  }
}

/// What a store that is to be etcd has to do for the elector.
@Suite(
  .timeLimit(.minutes(2)), .enabled(if: RealEtcd.program != nil, "there is no etcd in /usr/bin"))
struct EtcdLeaseStoreTests {
  @Test func keepsALeaseAsTheElectionExpectsIt() async throws {
    try await RealEtcd.with { client in
      let timing = try Timing(ttlSeconds: 30, sleep: .seconds(60))
      let mine = EtcdLeaseStore(client: client, key: "scheduler", name: "me", timing: timing)
      let other = EtcdLeaseStore(client: client, key: "scheduler", name: "other", timing: timing)
      guard case .absent(let before) = await mine.perform(.read) else {
        Issue.record("there is a key already")
        return
      }
      guard case .granted(let term, let first) = await mine.perform(.create) else {
        Issue.record("not created")
        return
      }
      #expect(term == first && first > before)
      #expect(await other.perform(.create) == .exists)
      #expect(await other.perform(.renew(prevIndex: first + 1)) == .changed)
      let node = try await client.get("/scheduler").node
      #expect(node.value == "me")
      #expect((1...30).contains(node.ttl ?? 0))
      guard case .granted(term, let second) = await mine.perform(.renew(prevIndex: first)) else {
        Issue.record("not renewed")
        return
      }
      let holder = Holder(name: "me", term: term, modifiedIndex: second)
      #expect(await other.perform(.read) == .found(holder, index: second))
      #expect(await other.nextChange(after: first) == .written(holder))
      #expect(await mine.perform(.release(prevIndex: first)) == .changed)
      async let change = other.nextChange(after: second)
      guard case .released(let end) = await mine.perform(.release(prevIndex: second)) else {
        Issue.record("not released")
        return
      }
      #expect(await change == .removed(index: end))
      #expect(await mine.perform(.renew(prevIndex: second)) == .absent(index: end))
      #expect(await mine.perform(.release(prevIndex: second)) == .absent(index: end))
    }
  }

  @Test func tellsOfAnExpiryAndOfAForgottenHistory() async throws {
    try await RealEtcd.with { client in
      let timing = try Timing(ttlSeconds: 30, sleep: .seconds(60))
      let store = EtcdLeaseStore(client: client, key: "a/lock", name: "me", timing: timing)
      // Not by way of the store: with such a TTL it allows a busy machine too little time to answer.
      let index = try await client.put("a/lock", value: "me", ttlSeconds: 1).node.modifiedIndex
      guard case .removed(let end) = await store.nextChange(after: index) else {
        Issue.record("not expired")
        return
      }
      #expect(end > index)
      for value in 0..<1010 { try await client.put("noise", value: "\(value)") }
      #expect(await store.nextChange(after: index) == .historyCleared)
    }
  }

  @Test func aDirectoryIsNoLock() async throws {
    try await RealEtcd.with { client in
      let timing = try Timing(ttlSeconds: 30, sleep: .seconds(60))
      let store = EtcdLeaseStore(client: client, key: "d", name: "me", timing: timing)
      try await client.put("d", dir: true)
      #expect(await store.perform(.read) == .failed(reason: "the key d is a directory"))
    }
  }
}
