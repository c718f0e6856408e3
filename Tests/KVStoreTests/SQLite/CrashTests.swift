import AsyncHTTPClient
import Foundation
import NIOCore
import Subprocess
import Synchronization
import TestSupport
import Testing

@testable import KVStore

/// The real program, ended the hard way.
@Suite(.serialized, .takesTurns, .timeLimit(.minutes(10))) struct CrashTests {
  /// Runs `kvstore` on a directory until the body is done, then ends it with `kill -9`.
  ///
  /// - Parameter shell: what a shell does before it becomes `kvstore`.
  func withKVStore(
    _ directory: String, shell: String = "true",
    _ body: @escaping @Sendable (TestClient, pid_t) async throws -> Void
  ) async throws {
    try await RealProgram.run(on: directory, shell: shell, endingWith: SIGKILL) { program in
      try await body(TestClient(base: program.urls[0]), program.process)
    }
  }

  /// `ZWEIMASTER_CRASH_ROUNDS`, or twenty.
  private static let rounds =
    ProcessInfo.processInfo.environment["ZWEIMASTER_CRASH_ROUNDS"].flatMap { Int($0) } ?? 20

  /// Many times: writers at full load, `kill -9` in the midst of it, and a look at what is there. Over
  /// all of it watchers go on from index to index, and see every write of every writer once, in order.
  @Test func noAcknowledgedWriteIsMissingAfterAKill() async throws {
    try await withTemporaryDirectory { directory in
      let known = Acknowledged(writers: 8)
      let watchers = Watchers(count: 3)
      try await withThrowingTaskGroup { group in
        defer { watchers.end() }
        for watcher in 0..<3 { group.addTask { try await watchers.run(watcher) } }
        for round in 1...Self.rounds {
          try await self.withKVStore(directory) { client, process in
            try await self.check(client, known, round: round)
            watchers.note(client)
            try await self.checkWatchers(watchers, client, round: round)
            for writer in 0..<8 where round > 1 {
              let stored = try await client.get("/w\(writer)").value.flatMap { Int($0) } ?? 0
              known.note(writer, stored)
            }
            await self.writeUntilKilled(client, process, known, watchers)
          }
        }
        try await self.withKVStore(directory) { client, _ in
          watchers.note(client)
          try await self.checkWatchers(watchers, client, round: Self.rounds + 1)
        }
      }
      print("crash: \(Self.rounds) rounds, \(known.total) acknowledged, index \(known.index)")
      #expect(known.total > 0)
    }
  }

  private func writeUntilKilled(
    _ client: TestClient, _ process: pid_t, _ known: Acknowledged, _ watchers: Watchers
  ) async {
    await withTaskGroup { group in
      for writer in 0..<8 {
        group.addTask {
          while !Task.isCancelled {
            // The history has a thousand events: a watcher that is further behind gets 401.
            guard known.index < watchers.slowest + 500 else {
              guard watchers.client != nil else { return }
              try? await Task.sleep(for: .milliseconds(1))
              continue
            }
            let next = known.value(writer) + 1
            guard let answer = try? await client.put("/w\(writer)", "value=\(next)"),
              let index = answer.index
            else { return }
            known.note(writer, next, index: index)
          }
        }
      }
      group.addTask {
        // Any moment is right; those shortly after an answer are not better than others.
        try? await Task.sleep(for: .microseconds(Int.random(in: 20_000...200_000)))
        kill(process, SIGKILL)
        watchers.note(nil)
      }
      // The first writer that misses the server ends the round for all.
      await group.next()
      await group.next()
      group.cancelAll()
    }
  }

  private func checkWatchers(
    _ watchers: Watchers, _ client: TestClient, round: Int
  ) async throws {
    let index = try #require(try await client.get("/").index)
    // No client saw what is not on disk.
    #expect(watchers.fastest <= index, "round \(round): a watcher saw what is not there")
    try await eventually("round \(round): a watcher does not get on") {
      watchers.slowest == index || !watchers.problems.isEmpty
    }
    #expect(watchers.problems == [], "round \(round)")
  }

  /// Clients that ask for one index after the other, whichever process answers.
  private final class Watchers: Sendable {
    private struct State {
      var client: TestClient?
      /// The last index that each has seen.
      var seen: [UInt64]
      /// The last number of each writer, as each watcher saw it.
      var values: [[String: Int]]
      var problems: [String] = []
      var isOver = false
    }

    private let state: Mutex<State>

    init(count: Int) {
      self.state = Mutex(
        State(
          seen: [UInt64](repeating: 0, count: count),
          values: [[String: Int]](repeating: [:], count: count)))
    }

    var slowest: UInt64 { self.state.withLock { $0.seen.min() ?? 0 } }
    var fastest: UInt64 { self.state.withLock { $0.seen.max() ?? 0 } }
    var problems: [String] { self.state.withLock { $0.problems } }

    /// The server that runs, if one does.
    var client: TestClient? { self.state.withLock { $0.client } }
    func note(_ client: TestClient?) { self.state.withLock { $0.client = client } }

    func end() { self.state.withLock { $0.isOver = true } }

    /// On sockets of its own: a client library would go on to try a server that is gone.
    func run(_ watcher: Int) async throws {
      try await onThreadOfItsOwn {
        while !self.state.withLock({ $0.isOver }) {
          let next = self.state.withLock { $0.seen[watcher] + 1 }
          // Where the server dies meanwhile, the next one is asked for the same index.
          if let client = self.client, let event = try? Self.watch(client, next) {
            if !self.note(event, watcher, at: next) { return }
          } else {
            // Until the next server answers.
            usleep(5000)
          }
        }
      }
    }

    private static func watch(_ client: TestClient, _ index: UInt64) throws -> String {
      let url = try #require(URL(string: client.base))
      let connection = try RawConnection(host: url.host() ?? "", port: url.port ?? 0)
      let path = "/v2/keys/?recursive=true&wait=true&waitIndex=\(index)"
      _ = connection.send(Array("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
      let deadline = ContinuousClock.now + .seconds(1)
      _ = try connection.readHead("GET", until: deadline)
      var event: [UInt8] = []
      while let piece = try connection.readPiece(until: deadline) { event += piece }
      return String(decoding: event, as: UTF8.self)
    }

    /// - Returns: whether it was the event that had to come.
    private func note(_ event: String, _ watcher: Int, at index: UInt64) -> Bool {
      let form = /"node":\{"key":"\/(\w+)","value":"(\d+)","modifiedIndex":(\d+)/
      let match = event.firstMatch(of: form)
      return self.state.withLock { state in
        guard let match, let value = Int(match.2), UInt64(match.3) == index else {
          state.problems.append("watcher \(watcher), instead of \(index): \(event)")
          return false
        }
        let key = String(match.1)
        let before = state.values[watcher].updateValue(value, forKey: key) ?? 0
        if value != before + 1 {
          state.problems.append("watcher \(watcher): /\(key) went from \(before) to \(value)")
        }
        state.seen[watcher] = index
        return state.problems.isEmpty
      }
    }
  }

  /// The acknowledged writes.
  private final class Acknowledged: Sendable {
    /// The last acknowledged number of each writer, and the highest index.
    private let state: Mutex<(values: [Int], index: UInt64)>

    init(writers: Int) {
      self.state = Mutex(([Int](repeating: 0, count: writers), 0))
    }

    var values: [Int] { self.state.withLock { $0.values } }
    var total: Int { self.state.withLock { $0.values.reduce(0, +) } }
    var index: UInt64 { self.state.withLock { $0.index } }
    func value(_ writer: Int) -> Int { self.state.withLock { $0.values[writer] } }

    func note(_ writer: Int, _ value: Int, index: UInt64 = 0) {
      self.state.withLock {
        $0.values[writer] = value
        $0.index = max($0.index, index)
      }
    }
  }

  private func check(_ client: TestClient, _ known: Acknowledged, round: Int) async throws {
    let index = try #require(try await client.get("/").index)
    #expect(index >= known.index, "round \(round): the index went back")
    for (writer, value) in known.values.enumerated() {
      // At most the one write beyond it that was under way.
      let stored = try await client.get("/w\(writer)").value.flatMap { Int($0) } ?? 0
      #expect((value...value + 1).contains(stored), "round \(round), writer \(writer)")
    }
    // The history ends where the tree does, and what comes next has the next index.
    let watch = try await client.watch("/probe?wait=true&waitIndex=\(index + 1)")
    #expect(try await client.put("/probe", "value=\(round)").index == index + 1)
    let event = String(buffer: try await watch.body.collect(upTo: 4096))
    #expect(event.contains("\"value\":\"\(round)\""))
  }

  /// A disk that is full: here a limit on the size of the process's files.
  @Test func aFullDiskRefusesWritesAndLosesNothing() async throws {
    try await withTemporaryDirectory { directory in
      // Ignored, the signal leaves an error of `write`, as a full disk does.
      let limit = "trap '' XFSZ; ulimit -S -f 1024"
      try await self.withKVStore(directory, shell: limit) { client, process in
        let watch = try await client.watch("/?recursive=true&wait=true&waitIndex=3")
        #expect(try await client.put("/before", "value=kept").status == 201)
        #expect(try await client.put("/over", "value=old").status == 201)
        let large = String(repeating: "x", count: 2 << 20)
        let refused = try await client.put("/over", "value=\(large)")
        #expect(refused.status == 500)
        #expect(refused.errorCode == 300)
        // Neither readers nor watchers see what is not on disk, and no index was used.
        #expect(try await client.get("/over").value == "old")
        #expect(try await client.get("/over").index == 2)

        _ = try await run(
          .name("prlimit"), arguments: ["--pid", "\(process)", "--fsize=unlimited:"],
          output: .discarded)
        #expect(try await client.put("/over", "value=new").index == 3)
        let event = String(buffer: try await watch.body.collect(upTo: 4096))
        #expect(event.contains(#""value":"new""#))
      }
      try await self.withKVStore(directory) { client, _ in
        let before = try await client.get("/before")
        #expect(before.value == "kept")
        #expect(try await client.get("/over").value == "new")
        #expect(before.index == 3)
      }
    }
  }
}
