extension KVStoreBenchmarkRun {
  /// The cost of a request in stores of different sizes that live at the same time; the largest one beside an etcd of
  /// its size.
  func measureGrowth() async throws -> Samples {
    let sizes = self.sizes.growth
    let stores = sizes.map { (Subject.kvstore, $0) } + [(.etcd, sizes[sizes.count - 1])]
    return try await self.withFilledStores(stores[...], running: []) { stores in
      var samples = Samples()
      for round in 0..<self.rounds {
        for store in stores.order(inRound: round) {
          for (name, pattern) in store.patterns {
            let outcome = try await self.wrk.run(
              RequestLoad(pattern: pattern, connections: 64), named: "growth-\(name)",
              against: store.server)
            samples.add(
              outcome.cpuMicrosecondsPerRequest,
              to: Series(store.server.subject, "growth.\(name).\(store.keyCount)"))
          }
        }
        self.progress.note("round \(round + 1)/\(self.rounds)  growth")
        self.progress.advance()
      }
      return samples
    }
  }

  private struct FilledStore: Sendable {
    let server: Server
    let keyCount: Int

    /// Only the writes of etcd are compared.
    var patterns: [(name: String, pattern: RequestLoad.Pattern)] {
      let put = ("put", RequestLoad.Pattern.putMany(keyCount: self.keyCount))
      return self.server.subject == .etcd
        ? [put] : [("get", .getMany(keyCount: self.keyCount)), put]
    }
  }

  private func withFilledStores(
    _ stores: ArraySlice<(Subject, Int)>, running: [FilledStore],
    _ body: ([FilledStore]) async throws -> Samples
  ) async throws -> Samples {
    guard let (subject, count) = stores.first else { return try await body(running) }
    return try await self.with(subject) { server in
      self.progress.note("filling \(subject.rawValue) with \(FigureUnit.grouped(count)) keys")
      try await fill(count, port: server.port)
      return try await self.withFilledStores(
        stores.dropFirst(), running: running + [FilledStore(server: server, keyCount: count)], body)
    }
  }
}
