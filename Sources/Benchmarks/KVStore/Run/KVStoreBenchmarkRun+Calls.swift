import FoundationEssentials
import NIOCore
import TestCluster

/// The loads of the v3 API, on servers of their own.
extension KVStoreBenchmarkRun {
  func measureCalls(_ loads: [Load]) async throws -> Samples {
    self.progress.note("starting kvstore, etcd and a bare HTTP/2 server for calls")
    return try await self.with(.kvstore) { kvstore in
      try await self.with(.etcd) { etcd in
        // As long as the message of kvstore's answer to a range of one key.
        try await self.with(.bareCalls, bodyBytes: 160) { bare in
          let servers = [kvstore, etcd, bare]
          var samples = Samples()
          for round in 0..<self.rounds {
            for load in loads {
              let figures = try await self.measureCalls(load, servers, round: round)
              samples.add(figures)
              self.tell(load, figures, round: round)
            }
          }
          return samples
        }
      }
    }
  }

  private func measureCalls(
    _ load: Load, _ servers: [Server], round: Int
  ) async throws -> Samples {
    var samples = Samples()
    switch load.kind {
    case .calls(let calls, let subjects):
      for server in servers.order(inRound: round) where subjects.contains(server.subject) {
        let figures = try await self.measure(calls, server, run: round + 1)
        for (metric, figure) in figures {
          samples.add(figure, to: Series(server.subject, "\(load.name).\(metric)"))
        }
      }
      // What a server's own work costs.
      for subject in subjects where subject != .bareCalls {
        let (own, bare) = (
          samples[Series(subject, "\(load.name).cpu")],
          samples[Series(.bareCalls, "\(load.name).cpu")]
        )
        for (own, bare) in zip(own, bare) {
          samples.add(own - bare, to: Series(subject, "\(load.name).above"))
        }
      }
    case .leaseEnds:
      for server in servers.order(inRound: round) where server.subject != .bareCalls {
        let times = try await LeaseEnds.run(
          self.sizes.endingLeases, key: "bench/ending/\(round)/", port: server.port
        ).map { $0 / .milliseconds(1) }
        if let p99 = Distribution(times)?.quantile(0.99) {
          samples.add(p99, to: Series(server.subject, "\(load.name).p99"))
        }
      }
    case .watchCalls(let count, let watched):
      for server in servers.order(inRound: round) where server.subject != .bareCalls {
        // All are there: a watcher of a prefix has many keys to tell apart.
        if watched == .prefix {
          let puts = CallLoad(
            pattern: .put(keyCount: self.sizes.writtenKeys), connections: 1, streams: 1)
          try await self.carryOutOnce(puts, self.sizes.writtenKeys, server)
        }
        let key = watched == .prefix ? "bench/many/" : "bench/watched/\(load.name)/\(round)"
        let times = try await WatchCalls.run(count, of: watched, key: key, port: server.port)
          .map { $0 / .milliseconds(1) }
        if let median = Distribution(times)?.median {
          samples.add(median, to: Series(server.subject, "\(load.name).sent"))
        }
      }
    default: preconditionFailure("\(load.name) is no load of calls")
    }
    return samples
  }

  /// Sends so many of a load's calls.
  private func carryOutOnce(_ load: CallLoad, _ count: Int, _ server: Server) async throws {
    _ = try await CallLoop.run(connections: 16, streams: 8, port: server.port) {
      let plan = load.makePlan(run: 0)
      var left = count
      return CallLoop.Plan(path: plan.path) { lane, answer in
        left -= 1
        return left < 0 ? nil : plan.next(lane, answer)
      }
    }
  }

  /// With fresh servers in each round, one at a time.
  func measureVersions(_ load: Load) async throws -> Samples {
    var samples = Samples()
    let puts = CallLoad(
      pattern: .put(keyCount: self.sizes.storedKeys), connections: 1, streams: 1)
    for round in 0..<self.rounds {
      for subject in [Subject.kvstore, .etcd].order(inRound: round) {
        let directory = try self.freshDirectory(subject.rawValue)
        let memory = try await self.with(subject, directory: directory) { server in
          try await self.carryOutOnce(puts, self.sizes.storedKeys * self.sizes.versions, server)
          return try await self.settledMemory(server)
        }
        samples.add(memory, to: Series(subject, "\(load.name).memory"))
        let start = try await self.with(subject, directory: directory, probe: "/health") {
          $0.process.startTime
        }
        samples.add(start / .seconds(1), to: Series(subject, "\(load.name).start"))
        try FileManager.default.removeItem(atPath: directory)
      }
      self.tell(load, samples, round: round)
    }
    return samples
  }

  private func measure(
    _ load: CallLoad, _ server: Server, run: Int
  ) async throws -> [(metric: String, figure: Double)] {
    if load.makePreparation(run: run) != nil {
      _ = try await CallLoop.run(connections: 4, streams: 8, port: server.port) {
        load.makePreparation(run: run) ?? load.makePlan(run: run)
      }
    }
    let before = try server.process.usage()
    let outcome = try await CallLoop.run(
      connections: load.connections, streams: load.streams, port: server.port,
      for: .seconds(Int64(self.seconds))
    ) { load.makePlan(run: run) }
    let after = try server.process.usage()
    let count = Double(outcome.answers) / Double(load.answersEach)
    guard count > 0 else { throw BenchmarkError.timedOut("the first answer of a call") }
    let seconds = outcome.duration / .seconds(1)
    return [
      ("rate", count / seconds),
      ("cpu", (after.cpuSeconds - before.cpuSeconds) * 1e6 / count),
      ("clients", outcome.cpuSeconds / seconds * 100),
    ]
  }
}
