import KVStore
import ServiceLifecycle
import Testing

@testable import Leader

@Suite struct LeaderTests {
  // snippet: hand-over
  @Test func `the second works when the first has left, in a later term`() async throws {
    try await KVStoreServer.with(.memory) { etcd in
      let (lines, told) = AsyncStream.makeStream(of: String.self)
      let groups = try ["a", "b"].map { name in
        try candidate(name, at: etcd.urls[0]) { told.yield("\(name): \($0)") }
      }
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        for group in groups { tasks.addTask { try await group.run() } }
        var terms: [UInt64] = []
        for await line in lines {
          // "a: term 7: 1", when its work begins.
          guard let work = line.wholeMatch(of: /([ab]): term (\d+): 1/) else { continue }
          terms.append(try #require(UInt64(work.2)))
          if terms.count == 2 { break }
          // An orderly stop: the work ends, the lease is released, and the other one leads at once.
          await groups[work.1 == "a" ? 0 : 1].triggerGracefulShutdown()
        }
        #expect(terms[0] < terms[1])
        for group in groups { await group.triggerGracefulShutdown() }
        try await tasks.waitForAll()
      }
    }
  }
  // end
}
