import Synchronization
import TestCluster

/// Plays the faults of one burst.
final class BurstRun: Sendable {
  let number: Int
  let plan: ChaosPlan.Burst
  let cluster: Cluster
  private let network: ChaosNetwork
  private let watch: LiveWatch?
  private let report: @Sendable (String) -> Void
  private let begin = ContinuousClock.now
  /// The faults of this instant, and the errors of faults.
  private let state = Mutex((active: [Int: ChaosFault](), problems: [String]()))

  init(
    number: Int, plan: ChaosPlan.Burst, cluster: Cluster, network: ChaosNetwork,
    watch: LiveWatch?, report: @escaping @Sendable (String) -> Void
  ) {
    self.number = number
    self.plan = plan
    self.cluster = cluster
    self.network = network
    self.watch = watch
    self.report = report
  }

  /// - Returns: processes that did not start or did not end.
  func play() async throws -> [String] {
    self.report(
      "burst \(self.number), \(self.plan.length.inSeconds(decimals: 2)) s:\n"
        + self.plan.description.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
    try await withThrowingDiscardingTaskGroup { group in
      for (index, entry) in self.plan.entries.enumerated() {
        group.addTask { try await self.play(entry, index) }
      }
      group.addTask {
        try await Task.sleep(until: self.begin + self.plan.length, clock: .continuous)
      }
    }
    return self.state.withLock { $0.problems }
  }

  private func play(_ entry: ChaosPlan.Entry, _ index: Int) async throws {
    try await Task.sleep(until: self.begin + entry.start, clock: .continuous)
    self.note("\(entry.fault)")
    let nodes = self.cluster.configuration.nodes
    let node = entry.fault.master.flatMap { nodes.indices.contains($0 - 1) ? nodes[$0 - 1] : nil }
    self.watch?.tell(
      .fault, on: node, "\(entry.fault), for \(entry.length.inSeconds(decimals: 1)) s")
    do {
      self.change(index, entry.fault)
      let stopped = try await self.cluster.begin(entry.fault)
      try await Task.sleep(until: self.begin + entry.end, clock: .continuous)
      self.note("over: \(entry.fault)")
      self.change(index, nil)
      try await self.cluster.finish(entry.fault, stopped)
    } catch let error as ClusterError {
      // The other faults still have to end.
      self.state.withLock { $0.problems.append("\(entry.fault): \(error)") }
    }
  }

  private func change(_ index: Int, _ fault: ChaosFault?) {
    self.state.withLock {
      $0.active[index] = fault
      self.network.apply($0.active.values)
    }
  }

  func note(_ text: String) {
    let passed = ContinuousClock.now - self.begin
    self.report("burst \(self.number) +\(passed.inSeconds(decimals: 2)) s: \(text)")
  }
}
