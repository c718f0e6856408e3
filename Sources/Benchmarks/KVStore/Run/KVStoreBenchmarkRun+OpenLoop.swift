import TestCluster

extension KVStoreBenchmarkRun {
  /// An open loop against kvstore and etcd at one rate, in rounds after those of the other loads, which find that rate.
  func measureOpenLoop(
    _ load: Load, _ connections: Int, _ servers: Servers, earlier: Samples
  ) async throws -> Samples {
    let rate = try await self.halfOfEtcdsRate(servers.etcd, earlier)
    self.progress.note(
      "\(load.name): \(FigureUnit.grouped(rate)) PUTs a second for \(self.sizes.openLoopSeconds) s each"
    )
    var samples = Samples()
    samples.add(Double(rate), to: Self.openLoopRate)
    let schedule = OpenLoop(
      rate: rate, duration: .seconds(self.sizes.openLoopSeconds), connections: connections)
    for round in 0..<self.rounds {
      var figures = Samples()
      for subject in [Subject.kvstore, .etcd].order(inRound: round) {
        let done = try await OpenLoopClient.run(
          schedule, keyCount: self.sizes.writtenKeys, port: servers[subject].port)
        guard let latencies = Distribution(done.latencies) else { continue }
        for tail in Tail.allCases {
          figures.add(
            latencies.quantile(tail.fraction) / .milliseconds(1),
            to: Series(subject, "\(load.name).\(tail.rawValue)"))
        }
      }
      samples.add(figures)
      self.tell(load, figures, round: round)
    }
    return samples
  }

  /// The PUTs of an open loop in a second: no figure of a server, but of the load.
  static let openLoopRate = Series(.etcd, "put-open.rate")

  /// Half of the highest rate of etcd in `put-64`; measured now where `--only` leaves that load out.
  private func halfOfEtcdsRate(_ etcd: Server, _ earlier: Samples) async throws -> Int {
    let name = "put-64"
    var rates = earlier[Series(.etcd, "\(name).rate")]
    if rates.isEmpty {
      let load = RequestLoad(
        pattern: .putMany(keyCount: self.sizes.writtenKeys), connections: 64)
      for _ in 0..<self.rounds {
        rates.append(try await self.wrk.run(load, named: name, against: etcd).requestsPerSecond)
      }
    }
    return max(1, Int((rates.max() ?? 0) / 2))
  }
}
