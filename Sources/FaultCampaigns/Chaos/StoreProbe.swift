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
    package struct Leader: Decodable { var leader: String }
    package var leaderInfo: Leader
  }

  private func ask(_ url: String) async -> StoreLog.Answer? {
    let limit = Duration.milliseconds(400)
    let requests = self.cluster.requests
    // 404 is an answer, too.
    guard
      let read = try? await requests.data(
        "\(url)/v2/keys/\(Role.scheduler.key)?quorum=true", within: limit), read.status < 500,
      let own = try? await requests.json(Own.self, from: "\(url)/v2/stats/self", within: limit)
    else { return nil }
    return StoreLog.Answer(leader: own.leaderInfo.leader)
  }
}
