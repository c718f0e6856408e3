import Foundation
import TestSupport
import Testing

@testable import KVStore

/// Conversations that were recorded from a real etcd 3.4.23, played against a server of our own: the
/// answers have to be the same, member by member, and where a scenario says so byte by byte. The server has
/// etcd's default, `--cors=*`.
///
/// With `ZWEIMASTER_CONFORMANCE_URL` they are played against the server that listens there, so that a
/// real etcd can be asked whether the recording still holds.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct ConformanceTests {
  @Test(arguments: Scenario.all) func plays(_ scenario: Scenario) async throws {
    let url = ProcessInfo.processInfo.environment["ZWEIMASTER_CONFORMANCE_URL"]
    // A server that is there for all of them is shared, but for those that need it for themselves.
    let permits = url != nil && scenario.isExclusive ? Self.limit : 1
    await Self.turns.take(permits)
    let differences: [String]
    if let url {
      differences = await Self.play(scenario, base: url, isAlone: scenario.isExclusive)
    } else {
      differences = try await withServer(corsOrigins: .any) {
        await Self.play(scenario, base: $0.base, isAlone: true)
      }
    }
    await Self.turns.giveBack(permits)
    #expect(differences.isEmpty, "\(scenario.why)\n\(differences.joined(separator: "\n"))")
  }

  @Test func noTwoScenariosHaveTheSameName() {
    #expect(Set(Scenario.all.map(\.id)).count == Scenario.all.count)
    #expect(Scenario.all.count > 400)
  }

  /// So many at a time: mostly they wait.
  private static let limit = 8
  private static let turns = Turns(limit)

  private static func play(_ scenario: Scenario, base: String, isAlone: Bool) async -> [String] {
    do {
      return try await onThreadOfItsOwn {
        let url = try #require(URL(string: base))
        return try ScenarioPlayer(scenario, base: url, isAlone: isAlone).play()
      }
    } catch {
      return ["\(error)"]
    }
  }
}

/// Lets a number of tests go on at a time, in the order in which they came.
private actor Turns {
  private var free: Int
  private var waiting: [(count: Int, CheckedContinuation<Void, Never>)] = []

  init(_ count: Int) {
    self.free = count
  }

  func take(_ count: Int) async {
    if self.waiting.isEmpty, self.free >= count {
      self.free -= count
    } else {
      await withCheckedContinuation { self.waiting.append((count, $0)) }
    }
  }

  func giveBack(_ count: Int) {
    self.free += count
    while let next = self.waiting.first, self.free >= next.count {
      self.free -= next.count
      self.waiting.removeFirst()
      next.1.resume()
    }
  }
}
