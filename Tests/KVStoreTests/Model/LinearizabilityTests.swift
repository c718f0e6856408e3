import Foundation
import SeededRandom
import TestSupport
import Testing

@testable import KVStore

/// Many clients on one key: there is an order of all that they did, each in its own time, in which a
/// plain variable would have given the same answers.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct LinearizabilityTests {
  @Test func concurrentClientsOfOneKeySeeOneOrder() async throws {
    try await withServer { client in
      for round in 0..<150 {
        let seed = UInt64.random(in: 1 ... .max)
        let history = try await withThrowingTaskGroup(of: [Operation].self) { group in
          for number in 0..<4 {
            group.addTask {
              var random = SeededGenerator(seed: seed &+ UInt64(number))
              var own: [Operation] = []
              for step in 0..<4 {
                own.append(
                  try await Self.operate(
                    client, "/round-\(round)", value: "\(number).\(step)", using: &random))
              }
              return own
            }
          }
          return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(isLinearizable(history), "round \(round): \(history)")
      }
    }
  }

  /// Sends one request, and notes down when, and what came of it.
  private static func operate(
    _ client: TestClient, _ key: String, value: String, using random: inout SeededGenerator
  ) async throws -> Operation {
    let guess = "\(Int.random(in: 0..<4, using: &random)).\(Int.random(in: 0..<4, using: &random))"
    let kind = Int.random(in: 0..<6, using: &random)
    let begin = ContinuousClock.now
    let answer =
      switch kind {
      case 0, 1: try await client.get(key)
      case 2: try await client.put(key, "value=\(value)")
      case 3: try await client.put(key, "value=\(value)&prevValue=\(guess)")
      case 4: try await client.put(key, "value=\(value)&prevExist=false")
      default: try await client.send(.DELETE, "/v2/keys" + key)
      }
    let end = ContinuousClock.now
    let action: Operation.Action
    switch (kind, answer.errorCode) {
    case (0, nil), (1, nil): action = .read(answer.value)
    case (_, 100): action = .read(nil)
    case (2, nil): action = .write(value, before: answer.previousValue)
    case (3, nil): action = .write(value, before: guess)
    case (3, 101): action = .differs(from: guess)
    case (4, nil): action = .write(value, before: nil)
    case (4, 105): action = .isThere
    case (_, nil): action = .remove(answer.previousValue)
    default: throw Unexpected(answer: answer.text)
    }
    return Operation(action: action, index: answer.index ?? 0, begin: begin, end: end)
  }

  private struct Unexpected: Error {
    let answer: String
  }

  /// The checker itself: what it has to refuse.
  @Test(
    arguments: [
      // A read that is over before the write begins, and has its value.
      ([(.read("1"), 0, 1), (.write("1", before: nil), 2, 3)], false),
      // The same at the same time.
      ([(.read("1"), 0, 3), (.write("1", before: nil), 2, 3)], true),
      // A stale read.
      (
        [(.write("1", before: nil), 0, 1), (.write("2", before: "1"), 2, 3), (.read("1"), 4, 5)],
        false
      ),
      // Two clients that swap the same value.
      (
        [
          (.write("1", before: nil), 0, 1), (.write("2", before: "1"), 2, 9),
          (.write("3", before: "1"), 2, 9),
        ], false
      ),
      // A key that comes and goes between reads.
      (
        [
          (.read(nil), 0, 9), (.write("1", before: nil), 0, 9), (.remove("1"), 0, 9),
          (.isThere, 0, 9),
        ], true
      ),
      ([(.write("1", before: nil), 0, 1), (.differs(from: "1"), 2, 3)], false),
    ] as [([(Operation.Action, Int, Int)], Bool)])
  func theCheckerTells(history: [(Operation.Action, Int, Int)], isLinearizable: Bool) {
    let start = ContinuousClock.now
    let operations = history.map { action, begin, end in
      Operation(
        action: action, index: 0, begin: start + .seconds(begin), end: start + .seconds(end))
    }
    #expect(KVStoreTests.isLinearizable(operations) == isLinearizable)
  }
}

extension TestClient.Answer {
  fileprivate var previousValue: String? {
    (self.object?["prevNode"] as? [String: Any])?["value"] as? String
  }
}

/// A client's request and its answer.
struct Operation: Sendable {
  enum Action: Sendable, Hashable {
    /// `nil`: there was no key.
    case read(String?)
    case write(String, before: String?)
    case remove(String?)
    case differs(from: String)
    case isThere

    /// The key's value afterwards, if the answer fits the value before.
    func after(_ value: String?) -> String?? {
      switch self {
      case .read(let seen): seen == value ? .some(value) : nil
      case .write(let new, let before): before == value ? .some(new) : nil
      case .remove(let before): before == value && before != nil ? .some(nil) : nil
      case .differs(let guess): value != nil && value != guess ? .some(value) : nil
      case .isThere: value != nil ? .some(value) : nil
      }
    }

    var isChange: Bool {
      switch self {
      case .write, .remove: true
      case .read, .differs, .isThere: false
      }
    }
  }

  var action: Action
  /// X-Etcd-Index of the answer: for a change that of the change.
  var index: UInt64
  var begin: ContinuousClock.Instant
  var end: ContinuousClock.Instant
}

/// Tries the orders in which the operations may have happened, as Wing and Gong do: next is any that
/// began before all that are left had ended. Changes also have to be in the order of their indices.
func isLinearizable(_ history: [Operation]) -> Bool {
  struct State: Hashable {
    var done: UInt64
    var value: String?
  }
  var tried: Set<State> = []
  func canGoOn(_ state: State, lastIndex: UInt64) -> Bool {
    let left = history.indices.filter { state.done & (1 << UInt64($0)) == 0 }
    guard let firstEnd = left.map({ history[$0].end }).min() else { return true }
    guard tried.insert(state).inserted else { return false }
    return left.contains { number in
      let operation = history[number]
      guard operation.begin <= firstEnd, let value = operation.action.after(state.value),
        !operation.action.isChange || operation.index >= lastIndex
      else { return false }
      return canGoOn(
        State(done: state.done | 1 << UInt64(number), value: value),
        lastIndex: operation.action.isChange ? operation.index : lastIndex)
    }
  }
  return canGoOn(State(done: 0, value: nil), lastIndex: 0)
}
