import Elector
import FoundationEssentials
import TestCluster

/// Plays rows of the failure table on one cluster.
package struct FailureRowRun: Sendable {
  package let cluster: Cluster
  package let timing: Timing
  package let store: String
  /// How late things may be.
  package let slack: Duration
  private let records: Bool

  /// - Parameters:
  ///   - cluster: a running one.
  ///   - store: its name in the table.
  ///   - records: whether a row is recorded as a story.
  /// - Throws: `TimingError`.
  package init(_ cluster: Cluster, store: String, records: Bool) throws(TimingError) {
    self.records = records
    self.cluster = cluster
    self.timing = try cluster.configuration.timing()
    self.store = store
    self.slack = Self.slack(cluster.configuration)
  }

  /// An etcd looks for ended leases only twice a second, and a new leader of its members renews all of them.
  package static func slack(_ configuration: ClusterConfiguration) -> Duration {
    configuration.store == .kvstore ? .seconds(1) : .seconds(2)
  }

  /// How long a row waits before it fails; a promise is broken long before.
  private var patience: Duration { self.timing.worstTakeover * 3 + .seconds(20) }

  /// Plays a row. Afterwards the cluster is as before, unless the verdict is `.failed`.
  package func play(_ row: FailureRow) async throws -> FailureResult {
    var result = FailureResult(
      row: row.name, store: self.store,
      expected: row.expectation(self.timing, slack: self.slack), facts: FailureFacts(),
      ttl: self.timing.ttl, verdict: .ok)
    let watch = self.records ? await LiveWatch(self.cluster) : nil
    do {
      result.facts = try await self.rounds(of: row, watch)
      let problems = row.problems(result.facts, self.timing, slack: self.slack)
      if !problems.isEmpty { result.verdict = .failed(problems) }
    } catch let error as FaultUnavailable {
      result.verdict = .skipped(error.reason)
    } catch let error as ClusterError {
      result.verdict = .failed(["\(error)"])
    }
    if case .skipped = result.verdict { return result }
    result.story = watch.map {
      result.judged(
        $0.recording, of: row,
        allowsOverlap: row.exception != nil || self.timing.profile == .podmaster)
    }
    return result
  }

  private func rounds(of row: FailureRow, _ watch: LiveWatch?) async throws -> FailureFacts {
    @Sendable func play() async throws -> FailureFacts {
      var facts = try await self.facts(row, watch)
      for _ in 1..<row.rounds { facts = facts.worst(try await self.facts(row, watch)) }
      return facts
    }
    guard let watch else { return try await play() }
    return try await watch.watching(play)
  }

  private func facts(_ row: FailureRow, _ watch: LiveWatch?) async throws -> FailureFacts {
    try await self.cluster.watched { monitor in
      let manifest = PresenceLog.Subject.manifest(FaultScene.role)
      var scene = try await self.cluster.faultScene(within: self.patience)
      _ = try await monitor.arrival(
        of: manifest, on: [scene.leader], after: .now - self.patience, within: self.patience)
      scene = try await self.cluster.prepare(row.fault, scene, within: self.patience)
      if row.fault != .startTogether {
        let leader = scene.leader
        // Another node may lead now, whose manifest would be taken for the next one.
        try await Cluster.wait(for: "the leader's manifest to be seen", within: self.patience) {
          monitor.log.latest(of: manifest, on: leader).map { $0.goneBy == nil } ?? false
        }
      }
      let logs = self.logs()
      // The recording has the leader's manifest, too.
      await watch?.waitForLooks()
      watch?.tell(.fault, on: scene.leader, "\(row.fault)")
      let begin = ContinuousClock.now
      var facts = FailureFacts()
      var injected = begin
      do {
        try await self.cluster.inject(row.fault, scene)
        injected = .now
        try await self.observe(row, scene, monitor, since: begin, &facts)
        try await Task.sleep(
          until: begin + self.timing.ttl * row.lastsTTLs, clock: .continuous)
      } catch {
        try? await self.cluster.heal(row.fault, scene, since: injected)
        throw error
      }
      if row.isDueAfterwards {
        facts.intruders = monitor.log.stays
          .filter { $0.subject == manifest && $0.from > begin }.map(\.node)
      }
      watch?.tell(.event, "the fault ends, and what it broke is repaired")
      let healed = ContinuousClock.now
      try await self.cluster.heal(row.fault, scene, since: injected)
      if row.isDueAfterwards {
        let next = try await monitor.arrival(
          of: manifest, on: self.cluster.configuration.nodes, after: begin, within: self.patience)
        facts.takeover = next.from - healed
      }
      let after = try await self.cluster.faultScene(within: self.patience)
      // A process that resumes now must have had its chance to do harm.
      try await Task.sleep(for: self.timing.sleep * 2)
      facts.isSameTerm = after.term == scene.term
      facts.goneAfter = monitor.log.stays.first {
        $0.subject == manifest && $0.node == scene.leader && $0.goneBy.map { $0 > begin } == true
      }?.goneBy.map { $0 - begin }
      facts.isReported = row.report.map { self.logs(beyond: logs).contains($0) } ?? true
      for overlap in monitor.overlaps {
        switch overlap.subject {
        case .pod: facts.podOverlap += overlap.duration
        case .manifest: facts.manifestOverlap += overlap.duration
        }
      }
      return facts
    }
  }

  /// Waits for what has to follow during the fault.
  private func observe(
    _ row: FailureRow, _ scene: FaultScene, _ monitor: Monitor,
    since begin: ContinuousClock.Instant, _ facts: inout FailureFacts
  ) async throws {
    let manifest = PresenceLog.Subject.manifest(scene.role)
    switch row.expectation {
    case .takeover:
      let next = try await monitor.arrival(
        of: manifest, on: self.cluster.configuration.nodes, after: begin, within: self.patience)
      facts.takeover = next.from - begin
      facts.successor = next.node == scene.leader ? .leader : .other
    case .retreat:
      try await Cluster.wait(for: "the leader's manifest to go", within: self.patience) {
        monitor.log.latest(of: manifest, on: scene.leader)?.goneBy != nil
      }
    case .noChange(isRestored: true):
      let directory = self.cluster.directory
      let (files, copy) = (FileManager.default, directory.destination(scene.role, scene.leader))
      let wanted = files.contents(atPath: directory.source(scene.role, scene.leader))
      try await Cluster.wait(for: "the manifest to be right", within: self.patience) {
        files.contents(atPath: copy) == wanted
      }
      facts.takeover = .now - begin
    case .kept, .noChange(isRestored: false), .sameTerm, .oneAtTheEnd: break
    }
  }

  /// The length of each elector's log.
  private func logs() -> [String: Int] {
    Dictionary(uniqueKeysWithValues: self.logFiles.map { ($0, LogFile.length($0)) })
  }

  /// What the electors have logged since then.
  private func logs(beyond earlier: [String: Int]) -> String {
    self.logFiles.map { LogFile.text($0, beyond: earlier[$0] ?? 0) }.joined(separator: "\n")
  }

  private var logFiles: [String] {
    self.cluster.configuration.nodes.map {
      self.cluster.directory.log(.component(node: $0, Role.scheduler.elector))
    }
  }
}
