import NIOCore
import TestCluster

/// The loads of the v3 API, on servers of their own.
extension KVStoreBenchmarkRun {
  func measureCalls(_ loads: [Load]) async throws -> Samples {
    self.note("starting kvstore, etcd and a bare HTTP/2 server for calls")
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
              self.note(self.progress(load, figures, round: round))
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
    case .watchCalls(let count):
      for server in servers.order(inRound: round) where server.subject != .bareCalls {
        let times = try await WatchCalls.run(
          count, key: "bench/watched/\(round)", port: server.port
        ).map { $0 / .milliseconds(1) }
        if let median = Distribution(times)?.median {
          samples.add(median, to: Series(server.subject, "\(load.name).sent"))
        }
      }
    default: preconditionFailure("\(load.name) is no load of calls")
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
