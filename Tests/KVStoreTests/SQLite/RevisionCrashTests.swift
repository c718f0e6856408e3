import Foundation
import Synchronization
import TestSupport
import Testing

@testable import KVStore

/// The real program under transactions of the v3 API, ended the hard way, many times.
@Suite(.serialized, .takesTurns, .timeLimit(.minutes(10))) struct RevisionCrashTests {
  /// `ZWEIMASTER_CRASH_ROUNDS`, or twenty.
  private static let rounds =
    ProcessInfo.processInfo.environment["ZWEIMASTER_CRASH_ROUNDS"].flatMap { Int($0) } ?? 20
  private static let writers = 8

  /// No acknowledged revision is lost, none is given out twice, none is seen that was not on disk; and watchers go on
  /// over all of it without a gap.
  @Test func noAcknowledgedRevisionIsMissingAfterAKill() async throws {
    try await withTemporaryDirectory { directory in
      let history = History(writers: Self.writers)
      try await withThrowingTaskGroup { group in
        defer { history.end() }
        for watcher in 0..<2 {
          group.addTask { try await onThreadOfItsOwn { history.watch(watcher) } }
        }
        for round in 1...Self.rounds + 1 {
          try await RealProgram.run(on: directory, endingWith: SIGKILL) { program in
            try await onThreadOfItsOwn { try history.look(program.urls[0], round: round) }
            history.note(program.urls[0])
            try await eventually("round \(round): a watcher does not get on") {
              history.areWatchersThere || !history.problems.isEmpty
            }
            #expect(history.problems == [], "round \(round)")
            guard round <= Self.rounds else { return }
            await Self.writeUntilKilled(program, history)
          }
        }
      }
      print("crash: \(Self.rounds) rounds, \(history.acknowledgedCount) transactions")
      #expect(history.acknowledgedCount > 0)
      #expect(history.problems == [])
    }
  }

  private static func writeUntilKilled(_ program: RealProgram, _ history: History) async {
    await withTaskGroup { group in
      for writer in 0..<Self.writers {
        group.addTask {
          // It ends with the server.
          try? await onThreadOfItsOwn {
            let client = try GatewayClient(url: program.urls[0])
            while true { try history.write(writer, client) }
          }
        }
      }
      // Any moment is right; those shortly after an answer are not better than others.
      try? await Task.sleep(for: .microseconds(Int.random(in: 20_000...200_000)))
      program.signal(SIGKILL)
      history.note(nil)
    }
  }

  /// What writers and watchers know.
  private final class History: Sendable {
    private struct State {
      var url: String?
      /// The last acknowledged number of each writer.
      var values: [Int64]
      /// Who has got a revision, over all rounds.
      var acknowledged: [Int64: Int] = [:]
      var highest: Int64 = 1
      /// The revision at the last start.
      var stored: Int64 = 1
      /// The last whole revision of each watcher, and the numbers that it has seen.
      var seen = [Int64](repeating: 1, count: 2)
      var seenValues = [[String: Int64]](repeating: [:], count: 2)
      var problems: [String] = []
      var isOver = false
    }

    private let state: Mutex<State>

    init(writers: Int) {
      self.state = Mutex(State(values: [Int64](repeating: 0, count: writers)))
    }

    var problems: [String] { self.state.withLock { $0.problems } }
    var acknowledgedCount: Int { self.state.withLock { $0.acknowledged.count } }
    var areWatchersThere: Bool {
      self.state.withLock { state in state.seen.allSatisfy { $0 == state.stored } }
    }
    func note(_ url: String?) { self.state.withLock { $0.url = url } }
    func end() { self.state.withLock { $0.isOver = true } }

    // MARK: Writers

    /// Two keys in one transaction: the writer's own, which is a counter, and one that all share.
    func write(_ writer: Int, _ client: GatewayClient) throws {
      let value = self.state.withLock { $0.values[writer] }
      let key = base64("w/\(writer)")
      let next = base64("\(value + 1)")
      let answer = try client.call(
        "/kv/txn",
        """
        {"compare":[{"target":"VERSION","key":\(key),"version":"\(value)"}],
        "success":[{"request_put":{"key":\(key),"value":\(next)}},
        {"request_put":{"key":\(base64("w/shared")),"value":\(next)}}]}
        """)
      self.state.withLock { state in
        guard answer.status == 200, answer.body["succeeded"]?.bool == true else {
          state.problems.append("writer \(writer), after \(value): \(answer)")
          return
        }
        if let other = state.acknowledged.updateValue(writer, forKey: answer.revision) {
          state.problems.append("\(other) and \(writer) have both got revision \(answer.revision)")
        }
        state.highest = max(state.highest, answer.revision)
        state.values[writer] = value + 1
      }
      if !self.problems.isEmpty { throw TestFailure("a problem") }
    }

    /// After a start: what is there is what was acknowledged, and at most what was under way.
    func look(_ url: String, round: Int) throws {
      let client = try GatewayClient(url: url)
      let answer = try client.call(
        "/kv/range", "{\"key\":\(base64("w/")),\"range_end\":\(base64("w0"))}")
      let pairs = answer.body["kvs"]?.array ?? []
      self.state.withLock { state in
        if answer.revision < max(state.highest, state.seen.max() ?? 0) {
          state.problems.append(
            "round \(round): revision \(answer.revision), after \(state.highest) and \(state.seen)")
        }
        state.stored = answer.revision
        for writer in state.values.indices {
          let pair = pairs.first { $0.bytes64("key") == "w/\(writer)" }
          let version = pair?.number64("version") ?? 0
          if !(state.values[writer]...state.values[writer] + 1).contains(version)
            || pair.map({ $0.bytes64("value") != "\(version)" }) == true
          {
            state.problems.append(
              "round \(round), writer \(writer): \(version) after \(state.values[writer])")
          }
          state.values[writer] = version
        }
        // Each transaction has put the shared key once.
        let shared = pairs.first { $0.bytes64("key") == "w/shared" }
        if shared?.number64("version") ?? 0 != state.values.reduce(0, +) {
          state.problems.append("round \(round): half of a transaction")
        }
      }
    }

    // MARK: Watchers

    /// Goes on after its last revision at each server, until all is over.
    func watch(_ watcher: Int) {
      while !self.state.withLock({ $0.isOver || !$0.problems.isEmpty }) {
        let (url, next) = self.state.withLock { ($0.url, $0.seen[watcher] + 1) }
        // Where the server dies meanwhile, the next one is asked for the same revision.
        if let url { try? self.follow(watcher, URL(string: url)?.port ?? 0, from: next) }
        usleep(5_000)
      }
    }

    private func follow(_ watcher: Int, _ port: Int, from revision: Int64) throws {
      let watch = try GatewayWatch(
        port: port,
        "\"key\":\(base64("w/")),\"range_end\":\(base64("w0")),\"start_revision\":\"\(revision)\"")
      while !self.state.withLock({ $0.isOver }),
        let results = try watch.next(until: .now + .seconds(5))
      {
        for result in results where !self.take(result["events"]?.array ?? [], watcher) { return }
      }
    }

    /// All of a revision come at once: an answer never ends within one.
    private func take(_ events: [WireJSON], _ watcher: Int) -> Bool {
      self.state.withLock { state in
        for event in events {
          let pair = event["kv"] ?? .null
          let (key, revision) = (pair.bytes64("key") ?? "", pair.number64("mod_revision"))
          let value = pair.number64("version")
          let isFirst = key != "w/shared"
          // The writer's key is the first of its revision.
          if revision != state.seen[watcher] + (isFirst ? 1 : 0) {
            state.problems.append(
              "watcher \(watcher): revision \(revision) after \(state.seen[watcher])")
          }
          if value != state.seenValues[watcher][key, default: 0] + 1 {
            state.problems.append("watcher \(watcher): \(key) became \(value)")
          }
          state.seenValues[watcher][key] = value
          state.seen[watcher] = revision
        }
        return state.problems.isEmpty
      }
    }
  }
}
