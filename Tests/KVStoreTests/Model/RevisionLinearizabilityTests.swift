import Foundation
import SeededRandom
import Synchronization
import TestSupport
import Testing

@testable import KVStore

/// Clients of the v3 API on one key, with transactions and leases, and a `kill -9` in the midst: there is an order of
/// all that they did, each in its own time, in which a plain variable would have given the same answers.
@Suite(.serialized, .takesTurns, .timeLimit(.minutes(10))) struct RevisionLinearizabilityTests {
  private static let rounds =
    ProcessInfo.processInfo.environment["ZWEIMASTER_CRASH_ROUNDS"].flatMap { Int($0) } ?? 20
  private static let clients = 4
  private static let steps = 4

  @Test func concurrentClientsSeeOneOrderOverACrash() async throws {
    try await withTemporaryDirectory { directory in
      var unanswered = 0
      for round in 1...Self.rounds {
        let seed = UInt64.random(in: 1 ... .max)
        let run = Run(key: "round-\(round)", round: round)
        try await withThrowingTaskGroup { group in
          for client in 0..<Self.clients {
            group.addTask { try await onThreadOfItsOwn { try run.play(client, seed: seed) } }
          }
          for life in 0..<2 {
            try await RealProgram.run(on: directory, endingWith: SIGKILL) { program in
              run.note(program.urls[0])
              if life == 0 {
                // A batch takes about a millisecond.
                try await Task.sleep(for: .microseconds(Int.random(in: 0...8_000)))
                run.note(nil)
              } else {
                try await eventually("round \(round): the clients get no answers") {
                  run.doneCount == Self.clients
                }
              }
            }
          }
          try await group.waitForAll()
        }
        let history = run.history
        unanswered += history.filter { $0.end == nil }.count
        #expect(
          RevisionOperation.areLinearizable(history), "round \(round), seed \(seed): \(history)")
      }
      print("linearizable: \(Self.rounds) rounds, \(unanswered) calls without an answer")
    }
  }

  private final class Run: Sendable {
    private struct State {
      var url: String?
      var history: [RevisionOperation] = []
      var doneCount = 0
    }

    private let state = Mutex(State())
    private let key: String
    private let round: Int

    init(key: String, round: Int) { (self.key, self.round) = (key, round) }

    var history: [RevisionOperation] { self.state.withLock { $0.history } }
    var doneCount: Int { self.state.withLock { $0.doneCount } }
    func note(_ url: String?) { self.state.withLock { $0.url = url } }

    func play(_ number: Int, seed: UInt64) throws {
      defer { self.state.withLock { $0.doneCount += 1 } }
      var random = SeededGenerator(seed: seed &+ UInt64(number))
      var client: GatewayClient?
      for step in 0..<RevisionLinearizabilityTests.steps {
        let value = "\(number).\(step)"
        let guess =
          "\(Int.random(in: 0..<4, using: &random)).\(Int.random(in: 0..<4, using: &random))"
        let kind = Int.random(in: 0..<7, using: &random)
        while client == nil {
          client = self.state.withLock { $0.url }.flatMap { try? GatewayClient(url: $0) }
          if client == nil { usleep(1_000) }
        }
        // Of the client and the step, so that no other call makes it.
        let lease = Int64(self.round * 1_000 + number * 10 + step + 1)
        guard let open = client else { continue }
        if kind == 6 {
          // The grant is no part of the history.
          guard (try? open.call("/lease/grant", "{\"ID\":\"\(lease)\",\"TTL\":\"600\"}")) != nil
          else {
            client = nil
            continue
          }
        }
        let begin = ContinuousClock.now
        let action: RevisionOperation.Action
        do {
          action = try self.call(kind, open, value: value, guess: guess, lease: lease)
          self.add(action, begin, .now)
        } catch is RawConnection.Failure {
          client = nil
          let begun: RevisionOperation.Action? =
            switch kind {
            case 2: .write(value, lease: 0, before: .unknown)
            case 3: .write(value, lease: 0, before: .known(guess))
            case 4: .write(value, lease: 0, before: .known(nil))
            case 5: .remove(.unknown)
            case 6: .write(value, lease: lease, before: .unknown)
            default: nil
            }
          if let begun { self.add(begun, begin, nil) }
          continue
        }
        guard kind == 6, Bool.random(using: &random) else { continue }
        let revocation = ContinuousClock.now
        if let answer = try? open.call("/lease/revoke", "{\"ID\":\"\(lease)\"}") {
          guard answer.status == 200 else { throw TestFailure("a revocation: \(answer)") }
          self.add(.revoke(lease), revocation, .now)
        } else {
          client = nil
          self.add(.revoke(lease), revocation, nil)
        }
      }
    }

    private func add(
      _ action: RevisionOperation.Action, _ begin: ContinuousClock.Instant,
      _ end: ContinuousClock.Instant?
    ) {
      self.state.withLock {
        $0.history.append(RevisionOperation(action: action, begin: begin, end: end))
      }
    }

    private func call(
      _ kind: Int, _ client: GatewayClient, value: String, guess: String, lease: Int64
    ) throws -> RevisionOperation.Action {
      let key = "\"key\":\(base64(self.key))"
      let put = "\(key),\"value\":\(base64(value))"
      func ask(_ path: String, _ body: String) throws -> WireJSON {
        let answer = try client.call(path, "{\(body)}")
        guard answer.status == 200 else { throw TestFailure("\(path) \(body): \(answer)") }
        return answer.body
      }
      func txn(_ comparison: String) throws -> WireJSON {
        try ask(
          "/kv/txn",
          "\"compare\":[{\(key),\(comparison)}],\"success\":[{\"request_put\":{\(put)}}],"
            + "\"failure\":[{\"request_range\":{\(key)}}]")
      }
      func seen(_ body: WireJSON) -> String? { body["kvs"]?.array?.first?.bytes64("value") }
      func inner(_ body: WireJSON) -> String? {
        body["responses"]?.array?.first?["response_range"].flatMap(seen)
      }
      switch kind {
      case 0, 1: return .read(seen(try ask("/kv/range", key)))
      case 2:
        let body = try ask("/kv/put", "\(put),\"prev_kv\":true")
        return .write(value, lease: 0, before: .known(body["prev_kv"]?.bytes64("value")))
      case 3:
        let body = try txn("\"target\":\"VALUE\",\"value\":\(base64(guess))")
        return body["succeeded"]?.bool == true
          ? .write(value, lease: 0, before: .known(guess)) : .differs(from: guess, inner(body))
      case 4:
        let body = try txn("\"target\":\"CREATE\",\"create_revision\":\"0\"")
        return body["succeeded"]?.bool == true
          ? .write(value, lease: 0, before: .known(nil)) : .differs(from: nil, inner(body))
      case 5:
        let body = try ask("/kv/deleterange", "\(key),\"prev_kv\":true")
        return .remove(.known(body["prev_kvs"]?.array?.first?.bytes64("value")))
      default:
        let body = try ask("/kv/put", "\(put),\"prev_kv\":true,\"lease\":\"\(lease)\"")
        return .write(value, lease: lease, before: .known(body["prev_kv"]?.bytes64("value")))
      }
    }
  }

  /// The checker itself: what it has to refuse. A call without an end may have happened at any time, or never.
  @Test(
    arguments: [
      ([(.read("1"), 0, 1), (.write("1", lease: 0, before: .known(nil)), 2, 3)], false),
      ([(.read("1"), 0, 3), (.write("1", lease: 0, before: .known(nil)), 2, 3)], true),
      // An acknowledged write that is lost.
      ([(.write("1", lease: 0, before: .known(nil)), 0, 1), (.read(nil), 2, 3)], false),
      // One without an answer may be lost, or come late, but not go again.
      ([(.write("1", lease: 0, before: .unknown), 0, nil), (.read(nil), 2, 3)], true),
      (
        [
          (.write("1", lease: 0, before: .unknown), 0, nil), (.read(nil), 2, 3), (.read("1"), 4, 5),
        ], true
      ),
      (
        [
          (.write("1", lease: 0, before: .unknown), 0, nil), (.read("1"), 2, 3), (.read(nil), 4, 5),
        ], false
      ),
      // A key goes with its lease, and only with its own.
      (
        [
          (.write("1", lease: 7, before: .known(nil)), 0, 1), (.revoke(7), 2, 3),
          (.read(nil), 4, 5),
        ], true
      ),
      (
        [
          (.write("1", lease: 7, before: .known(nil)), 0, 1), (.revoke(8), 2, 3),
          (.read(nil), 4, 5),
        ], false
      ),
      (
        [
          (.write("1", lease: 7, before: .known(nil)), 0, 1), (.revoke(7), 2, 3),
          (.read("1"), 4, 5),
        ], false
      ),
      // A comparison that fails shows why.
      (
        [(.write("1", lease: 0, before: .known(nil)), 0, 1), (.differs(from: "2", "1"), 2, 3)], true
      ),
      (
        [(.write("1", lease: 0, before: .known(nil)), 0, 1), (.differs(from: "1", "1"), 2, 3)],
        false
      ),
    ] as [([(RevisionOperation.Action, Int, Int?)], Bool)])
  func theCheckerTells(
    history: [(RevisionOperation.Action, Int, Int?)], isLinearizable: Bool
  ) {
    let start = ContinuousClock.now
    let operations = history.map { action, begin, end in
      RevisionOperation(
        action: action, begin: start + .seconds(begin), end: end.map { start + .seconds($0) })
    }
    #expect(RevisionOperation.areLinearizable(operations) == isLinearizable)
  }
}

/// A call and its answer.
struct RevisionOperation: Sendable {
  /// What a change has found.
  enum Before: Sendable, Hashable {
    case known(String?)
    case unknown

    func fits(_ value: String?) -> Bool {
      if case .known(let known) = self { known == value } else { true }
    }
  }

  enum Action: Sendable, Hashable {
    case read(String?)
    case write(String, lease: Int64, before: Before)
    case remove(Before)
    /// A comparison that failed, and what the same transaction has read.
    case differs(from: String?, String?)
    case revoke(Int64)
  }

  struct Variable: Hashable {
    var value: String?
    var lease: Int64 = 0
  }

  var action: Action
  var begin: ContinuousClock.Instant
  /// `nil` without an answer.
  var end: ContinuousClock.Instant?

  /// The variable afterwards, if the answer fits it.
  private func after(_ before: Variable) -> Variable? {
    switch self.action {
    case .read(let seen): seen == before.value ? before : nil
    case .write(let value, let lease, let former):
      former.fits(before.value) ? Variable(value: value, lease: lease) : nil
    case .remove(let former): former.fits(before.value) ? Variable() : nil
    case .differs(let guess, let seen):
      seen == before.value && guess != before.value ? before : nil
    case .revoke(let lease): before.lease == lease ? Variable() : before
    }
  }

  /// Tries the orders in which the calls may have happened, as Wing and Gong do: next is any that began before all with
  /// answers that are left had ended.
  static func areLinearizable(_ history: [RevisionOperation]) -> Bool {
    struct State: Hashable {
      var done: UInt64
      var variable: Variable
    }
    var tried: Set<State> = []
    func canGoOn(_ state: State) -> Bool {
      let left = history.indices.filter { state.done & (1 << UInt64($0)) == 0 }
      // Those without an answer need not have happened.
      guard let firstEnd = left.compactMap({ history[$0].end }).min() else { return true }
      guard tried.insert(state).inserted else { return false }
      return left.contains { number in
        guard history[number].begin <= firstEnd,
          let variable = history[number].after(state.variable)
        else { return false }
        return canGoOn(State(done: state.done | 1 << UInt64(number), variable: variable))
      }
    }
    return canGoOn(State(done: 0, variable: Variable()))
  }
}
