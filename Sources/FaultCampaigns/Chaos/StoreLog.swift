import Synchronization
import TestCluster

/// When the store answered its clients, and who led its members.
package struct StoreLog: Equatable, Sendable {
  package typealias Instant = ContinuousClock.Instant

  /// What one member said.
  package struct Answer: Equatable, Sendable {
    /// Who leads, by its word: the number of a member.
    package var leader: String
  }

  /// The last answer of each member; `nil` for none in time.
  private var answers: [Answer?]
  /// Whether more than half of the members answer a read that the majority has to agree to.
  package private(set) var isReady = false
  /// The latest that more than half of the members named.
  package private(set) var leader: String?
  /// When it last began to answer, or last had another leader.
  package private(set) var changed: Instant
  /// How often there was another leader.
  package private(set) var leaderChanges = 0

  package init(members: Int, at instant: Instant) {
    self.answers = Array(repeating: nil, count: members)
    self.changed = instant
  }

  /// - Parameter member: counted from 0.
  package mutating func record(_ answer: Answer?, of member: Int, at instant: Instant) {
    self.answers[member] = answer
    let good = self.answers.compactMap(\.self)
    let wasReady = self.isReady
    self.isReady = good.count * 2 > self.answers.count
    if self.isReady, !wasReady { self.changed = instant }
    for answer in good
    where answer.leader != self.leader
      && good.count(where: { $0 == answer }) * 2 > self.answers.count
    {
      if self.leader != nil { self.leaderChanges += 1 }
      self.leader = answer.leader
      self.changed = instant
    }
  }
}

/// Asks each member of a cluster's store, some twenty times a second.
package final class StoreProbe: Sendable {
  private let cluster: Cluster
  private let state: Mutex<StoreLog>

  package init(_ cluster: Cluster) {
    self.cluster = cluster
    self.state = Mutex(StoreLog(members: cluster.store.count, at: .now))
  }

  package var log: StoreLog { self.state.withLock { $0 } }

  /// Asks until it is cancelled.
  package func run() async {
    await withDiscardingTaskGroup { group in
      for (member, endpoint) in self.cluster.store.enumerated() {
        group.addTask {
          while !Task.isCancelled {
            let answer = await self.ask(endpoint.url)
            guard !Task.isCancelled else { return }
            self.state.withLock { $0.record(answer, of: member, at: .now) }
            try? await Task.sleep(for: .milliseconds(50))
          }
        }
      }
    }
  }

  private struct Own: Decodable {
    package struct Leader: Decodable { var leader: String }
    package var leaderInfo: Leader
  }

  private func ask(_ url: String) async -> StoreLog.Answer? {
    let limit = Duration.milliseconds(400)
    let requests = self.cluster.requests
    // A key that is not there is an answer as well.
    guard
      let read = try? await requests.data(
        "\(url)/v2/keys/\(Role.scheduler.key)?quorum=true", within: limit), read.status < 500,
      let own = try? await requests.json(Own.self, from: "\(url)/v2/stats/self", within: limit)
    else { return nil }
    return StoreLog.Answer(leader: own.leaderInfo.leader)
  }
}
