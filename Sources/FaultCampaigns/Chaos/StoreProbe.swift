import Synchronization
import TestCluster

/// Asks each member of a cluster's store, some twenty times a second.
package final class StoreProbe: Sendable {
  private let cluster: Cluster
  private let state: Mutex<StoreLog>

  package init(_ cluster: Cluster) {
    self.cluster = cluster
    self.state = Mutex(StoreLog(members: cluster.store.count, at: .now))
  }

  package var log: StoreLog { self.state.withLock { $0 } }

  /// Runs until it is cancelled.
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
    struct Leader: Decodable { var leader: String }
    var leaderInfo: Leader
  }

  /// - Returns: the leader that the member names.
  private func ask(_ url: String) async -> String? {
    let limit = Duration.milliseconds(400)
    let requests = self.cluster.requests
    // 404 is an answer, too.
    guard
      let read = try? await requests.data(
        "\(url)/v2/keys/\(Role.scheduler.key)?quorum=true", within: limit), read.status < 500,
      let own = try? await requests.json(Own.self, from: "\(url)/v2/stats/self", within: limit)
    else { return nil }
    return own.leaderInfo.leader
  }
}

/// When the store answered its clients, and which member led the others.
package struct StoreLog: Equatable, Sendable {
  package typealias Instant = ContinuousClock.Instant

  /// The leader that each member last named; `nil` for a time-out.
  private var answers: [String?]
  /// Whether more than half of the members answer a quorum read.
  package private(set) var isReady = false
  /// The last leader that more than half of the members named.
  package private(set) var leader: String?
  /// When the store last began to answer, or its members last changed their leader.
  package private(set) var changed: Instant
  /// How often the leader has changed.
  package private(set) var leaderChanges = 0

  package init(members: Int, at instant: Instant) {
    self.answers = Array(repeating: nil, count: members)
    self.changed = instant
  }

  /// - Parameters:
  ///   - answer: the leader that the member names; `nil` for a time-out.
  ///   - member: counted from 0.
  package mutating func record(_ answer: String?, of member: Int, at instant: Instant) {
    self.answers[member] = answer
    let good = self.answers.compactMap(\.self)
    let wasReady = self.isReady
    self.isReady = good.count * 2 > self.answers.count
    if self.isReady, !wasReady { self.changed = instant }
    for answer in good
    where answer != self.leader && good.count(where: { $0 == answer }) * 2 > self.answers.count {
      if self.leader != nil { self.leaderChanges += 1 }
      self.leader = answer
      self.changed = instant
    }
  }
}
