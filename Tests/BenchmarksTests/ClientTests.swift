import KVStore
import TestCluster
import TestSupport
import Testing

@testable import Benchmarks

/// Our own clients against a kvstore in this process.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct ClientTests {
  private func withKVStore(_ body: (Int, KVStoreServer) async throws -> Void) async throws {
    let server = try await KVStoreServer.start(.memory)
    let port = try #require(server.urls[0].split(separator: ":").last.flatMap { Int($0) })
    let result: Result<Void, any Error>
    do { result = .success(try await body(port, server)) } catch { result = .failure(error) }
    await server.stop()
    try result.get()
  }

  @Test func `watchers are told of the write, each of its own key`() async throws {
    try await self.withKVStore { port, _ in
      let keys = ["a", "b", "b"].map { Keys.watched + $0 }
      try await LongPolls.with(keys: keys, port: port) { polls in
        try await Connection.with(port: port) { writer in
          let first = try await polls.arm(0..<1)
          for _ in 1...3 {
            let armed = try await polls.arm(1..<3)
            let write = try await writer.succeed(Request(.PUT, keys[1], form: "value=1"))
            #expect(try await armed.ends().allSatisfy { $0.answeredAt > write.sentAt })
          }
          // The first has waited on for its own key.
          let write = try await writer.succeed(Request(.PUT, keys[0], form: "value=1"))
          #expect(try await first.ends().allSatisfy { $0.answeredAt > write.sentAt })
        }
      }
    }
  }

  @Test func `a watcher whose server goes away is told so`() async throws {
    try await self.withKVStore { port, server in
      try await LongPolls.with(keys: [Keys.watched], port: port) { polls in
        let armed = try await polls.arm(0..<1)
        await server.stop()
        // A watch ends before its connection; either is an end.
        _ = try? await armed.ends()
        await #expect(throws: BenchmarkError.connectionLost(port: port)) {
          try await polls.arm(0..<1)
        }
      }
    }
  }

  @Test func `so many keys are written as were asked for`() async throws {
    try await self.withKVStore { port, _ in
      try await fill(300, port: port)
      try await Connection.with(port: port) { reader in
        let last = try await reader.exchange(Request(.GET, "\(Keys.many)300"))
        #expect(last.status == 200)
        let beyond = try await reader.exchange(Request(.GET, "\(Keys.many)301"))
        #expect(beyond.status == 404)
        let missing = "\(Keys.many)0"
        await #expect(throws: BenchmarkError.refused(target: missing, status: 404)) {
          try await reader.succeed(Request(.GET, missing))
        }
      }
    }
  }

  // MARK: The open loop

  @Test func `an open loop writes all keys, and has a latency for each PUT`() async throws {
    try await self.withKVStore { port, _ in
      let loop = OpenLoop(rate: 1000, duration: .milliseconds(500), connections: 8)
      let done = try await OpenLoopClient.run(loop, keyCount: 100, port: port)
      #expect(done.isDone)
      #expect(done.latencies.count == 500)
      #expect(done.latencies.allSatisfy { $0 > .zero })
      try await Connection.with(port: port) { reader in
        for key in [1, 50, 100] {
          #expect(try await reader.exchange(Request(.GET, "\(Keys.many)\(key)")).status == 200)
        }
        let beyond = try await reader.exchange(Request(.GET, "\(Keys.many)101"))
        #expect(beyond.status == 404)
      }
    }
  }

  @Test func `an open loop ends with its server`() async throws {
    try await self.withKVStore { port, server in
      let loop = OpenLoop(rate: 100, duration: .seconds(600), connections: 4)
      await withThrowingTaskGroup { group in
        group.addTask {
          await #expect {
            _ = try await OpenLoopClient.run(loop, keyCount: 10, port: port)
          } throws: { error in
            // A store that stops refuses what it no longer takes, and then its connections close.
            switch error as? BenchmarkError {
            case .connectionLost(port): true
            case .refused(let target, status: 500): target.hasPrefix(Keys.many)
            default: false
            }
          }
        }
        try? await Self.untilWritten(port: port)
        await server.stop()
      }
    }
  }

  @Test func `an open loop ends with its task`() async throws {
    try await self.withKVStore { port, _ in
      let loop = OpenLoop(rate: 100, duration: .seconds(600), connections: 4)
      await withThrowingTaskGroup { group in
        group.addTask {
          await #expect(throws: CancellationError.self) {
            _ = try await OpenLoopClient.run(loop, keyCount: 10, port: port)
          }
        }
        try? await Self.untilWritten(port: port)
        group.cancelAll()
      }
    }
  }

  @Test func `an open loop ends with a PUT that is refused`() async throws {
    try await self.withKVStore { port, _ in
      // A directory is no key to be written.
      try await Connection.with(port: port) {
        _ = try await $0.succeed(Request(.PUT, "\(Keys.many)1/below", form: "value=1"))
      }
      let loop = OpenLoop(rate: 100, duration: .seconds(600), connections: 4)
      await #expect(throws: BenchmarkError.refused(target: "\(Keys.many)1", status: 403)) {
        _ = try await OpenLoopClient.run(loop, keyCount: 10, port: port)
      }
    }
  }

  private static func untilWritten(port: Int) async throws {
    try await Connection.with(port: port) { reader in
      try await wait(for: "a key", within: .seconds(60)) {
        try await reader.exchange(Request(.GET, "\(Keys.many)1")).status == 200
      }
    }
  }

  @Test func `the bare server's answer is as long as was asked for`() async throws {
    let port = try #require(try FreePorts.pick(1).first)
    await withThrowingTaskGroup { group in
      group.addTask {
        try await BareServer.parse(["--port=\(port)", "--body-bytes=123"]).run()
      }
      var answer: Connection.Exchange?
      while answer == nil {
        answer = try? await Connection.with(port: port) {
          try await $0.exchange(Request(.GET, "/x"))
        }
      }
      #expect(answer?.status == 200)
      #expect(answer?.bodyBytes == 123)
      group.cancelAll()
    }
  }
}
