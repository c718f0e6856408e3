import FoundationEssentials
import Glibc
import KubernetesObjects
import Synchronization

/// Watches a cluster for two leaders. Some fifty times a second it asks each kubelet which pods it runs, and checks
/// whether the elected manifests are in its directory.
///
/// A manifest in the directory of a dead kubelet does not count, because nothing runs it. A kubelet that is cut off is not
/// dead: what it runs is unknown.
public final class Monitor: Sendable {
  private let cluster: Cluster
  private let pause: Duration
  private let state = Mutex(State())

  private struct State {
    var log = PresenceLog()
    /// When the last look at each node began.
    var lookedAt: [String: ContinuousClock.Instant] = [:]
  }

  /// - Parameters:
  ///   - cluster: the cluster.
  ///   - pause: the time from one look at a node to the next.
  package init(_ cluster: Cluster, every pause: Duration = .milliseconds(20)) {
    self.cluster = cluster
    self.pause = pause
  }

  /// All looks so far.
  package var log: PresenceLog { self.state.withLock { $0.log } }

  /// See ``PresenceLog/forget(before:)``.
  package func forget(before instant: ContinuousClock.Instant) {
    self.state.withLock { $0.log.forget(before: instant) }
  }

  /// Manifests and pods that were on two nodes at once; empty when all is well. See ``PresenceLog`` for what a look
  /// can miss.
  public var overlaps: [PresenceLog.Overlap] { self.log.overlaps }

  /// Waits until the manifest or pod has come to one of the nodes, after the instant.
  /// - Throws: ``ClusterError/timedOut(_:after:)``.
  package func arrival(
    of subject: PresenceLog.Subject, on nodes: [String],
    after instant: ContinuousClock.Instant, within limit: Duration
  ) async throws -> PresenceLog.Stay {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
      let stays = nodes.compactMap { self.log.arrival(of: subject, on: $0, after: instant) }
      if let first = stays.min(by: { $0.from < $1.from }) { return first }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw ClusterError.timedOut(
      "for \(subject) to come to \(nodes.joined(separator: " or "))", after: limit)
  }

  /// Waits until each node was looked at since the instant; a node that does not answer counts as well. No longer than
  /// the limit.
  package func looks(since instant: ContinuousClock.Instant, within limit: Duration) async {
    let nodes = self.cluster.configuration.nodes
    _ = await Cluster.wait(upTo: limit) {
      let lookedAt = self.state.withLock { $0.lookedAt }
      return nodes.allSatisfy { node in lookedAt[node].map { $0 >= instant } ?? false }
    }
  }

  /// Watches until it is cancelled; each node in a task of its own, so that a silent node does not delay the others.
  package func run() async {
    await withDiscardingTaskGroup { group in
      for node in self.cluster.configuration.nodes {
        group.addTask {
          while !Task.isCancelled {
            let next = ContinuousClock.now + self.pause
            await self.look(at: node)
            try? await Task.sleep(until: next, clock: .continuous)
          }
        }
      }
    }
  }

  private func look(at node: String) async {
    let directory = self.cluster.directory
    let asked = ContinuousClock.now
    let manifests = Role.allCases.filter { access(directory.destination($0, node), F_OK) == 0 }
    let looked = ContinuousClock.now
    var isAlive: Bool? = true
    var running: Set<String>?
    do throws(RequestError) {
      let pods = try await self.cluster.requests.items(
        from: "\(self.cluster.kubeletURL(node))/runningpods/")
      running = Set(pods.map(\.metadata.name))
    } catch .refused {
      if await self.cluster.isUnreachable(node) {
        isAlive = nil
      } else {
        isAlive = false
        running = self.cluster.orphans(on: node)
      }
    } catch {
      isAlive = nil
    }
    let answered = ContinuousClock.now
    // A cancelled request proves nothing.
    guard !Task.isCancelled else { return }
    self.state.withLock { state in
      state.lookedAt[node] = asked
      for role in Role.allCases {
        state.log.record(
          .manifest(role), on: node,
          isPresent: manifests.contains(role) ? isAlive : false, asked: asked, answered: looked)
        state.log.record(
          .pod(role), on: node, isPresent: running.map { $0.contains("\(role.podName)-\(node)") },
          asked: asked, answered: answered)
      }
    }
  }
}

extension Cluster {
  /// The pods whose containers live though their kubelet does not, by the processes of this machine.
  package nonisolated func orphans(on node: String) -> Set<String> {
    guard self.configuration.runsContainers else { return [] }
    let marks = Role.allCases.map { role in
      let name = "\(role.podName)-\(node)"
      return (name, Data(RecipeManifests.mark(role.podName, self.directory.node(node)).utf8))
    }
    let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    var found: Set<String> = []
    for process in processes where process.allSatisfy(\.isNumber) {
      guard let command = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else {
        continue
      }
      for (name, mark) in marks where command.firstRange(of: mark) != nil { found.insert(name) }
    }
    return found
  }

  /// Runs the body while a ``Monitor`` watches the cluster.
  /// - Throws: what the body throws.
  public nonisolated func watched<Result: Sendable>(
    _ body: (Monitor) async throws -> Result
  ) async throws -> Result {
    let monitor = Monitor(self)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await monitor.run() }
      defer { group.cancelAll() }
      return try await body(monitor)
    }
  }
}
