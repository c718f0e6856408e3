import AsyncHTTPClient
import Foundation
import NIOCore
import Subprocess
import Synchronization
import Testing

@testable import KVStore

/// The real program, ended the hard way.
@Suite(.serialized, .timeLimit(.minutes(10))) struct CrashTests {
  /// Runs `kvstore` on a directory until the body is done, then ends it with `kill -9`.
  ///
  /// - Parameter shell: what a shell does before it becomes `kvstore`.
  private func withKVStore(
    _ directory: String, shell: String = "true",
    _ body: @escaping @Sendable (TestClient, pid_t) async throws -> Void
  ) async throws {
    let binary = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appending(path: "kvstore").path
    _ = try await run(
      .path("/bin/bash"),
      arguments: [
        "-c", "\(shell); exec \"$0\" \"$@\"", binary, "--listen-client-urls",
        "http://127.0.0.1:0", "--data-dir", directory,
      ],
      input: .none, output: .sequence, error: .discarded
    ) { execution in
      defer { kill(execution.processIdentifier.value, SIGKILL) }
      var url: Substring?
      for try await line in execution.standardOutput.strings() {
        url = line.firstMatch(of: /listening on (http:\/\/\S+)/)?.1
        break
      }
      try await body(
        TestClient(base: String(try #require(url))), execution.processIdentifier.value)
    }
  }

  /// Twenty times: writers at full load, `kill -9` in the midst of it, and a look at what is there.
  @Test func noAcknowledgedWriteIsMissingAfterAKill() async throws {
    try await withTemporaryDirectory { directory in
      let known = Acknowledged(writers: 8)
      for round in 1...20 {
        try await self.withKVStore(directory) { client, process in
          try await self.check(client, known, round: round)
          for writer in 0..<8 where round > 1 {
            let stored = try await client.get("/w\(writer)").value.flatMap { Int($0) } ?? 0
            known.note(writer, stored)
          }
          await withTaskGroup { group in
            for writer in 0..<8 {
              group.addTask {
                while !Task.isCancelled {
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
            }
            // Whoever notices first that the server is gone ends it for all.
            await group.next()
            await group.next()
            group.cancelAll()
          }
        }
      }
      #expect(known.total > 0)
    }
  }

  /// What the server has answered for.
  private final class Acknowledged: Sendable {
    /// The last number that each writer was told is stored, and the highest index.
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
