import FoundationEssentials
import Linux
import TestCluster

/// Runs loads against kvstore, etcd and the bare server, in alternation.
package struct Benchmark: Sendable {
  package let programs: Programs
  package let loads: [Load]
  package let sizes: Sizes
  package let rounds: Int
  package let seconds: Int
  /// Where data directories, logs and scripts are; nothing else is in it.
  package let directory: String
  /// Is told what is done at the moment.
  package let report: @Sendable (String) -> Void

  /// - Parameters:
  ///   - parent: where a directory is made for the run, and removed afterwards.
  ///   - report: gets lines for people while it runs.
  /// - Throws: ``BenchmarkError``.
  package static func run(
    _ loads: [Load], sizes: Sizes, rounds: Int, seconds: Int, programs: Programs, in parent: String,
    report: @escaping @Sendable (String) -> Void
  ) async throws -> Samples {
    let directory = "\(parent)/kvbench-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    return try await Benchmark(
      programs: programs, loads: loads, sizes: sizes, rounds: rounds, seconds: seconds,
      directory: directory, report: report
    ).run()
  }

  private func run() async throws -> Samples {
    try self.raiseDescriptorLimit()
    var samples = Samples()
    let sideBySide = self.loads.filter(\.isSideBySide)
    if !sideBySide.isEmpty { samples.add(try await self.measureSideBySide(sideBySide)) }
    if self.loads.contains(where: { $0.kind == .memory || $0.kind == .start }) {
      samples.add(try await self.measureStored())
    }
    if self.loads.contains(where: { $0.kind == .growth }) {
      samples.add(try await self.measureGrowth())
    }
    return samples
  }

  /// A fresh directory for a server.
  package func freshDirectory(_ name: String) throws -> String {
    let path = "\(self.directory)/\(name)-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    return path
  }

  package var wrk: Wrk {
    Wrk(executable: self.programs.wrk, directory: self.directory, seconds: self.seconds)
  }

  // MARK: Servers that live at the same time

  /// Those that run beside each other, and the bare one.
  package struct Servers: Sendable {
    package let kvstore: Server
    package let etcd: Server
    package let bare: Server

    package subscript(subject: Subject) -> Server {
      switch subject {
      case .kvstore: self.kvstore
      case .etcd: self.etcd
      case .bare: self.bare
      }
    }
  }

  private func measureSideBySide(_ loads: [Load]) async throws -> Samples {
    try await self.withServers { servers in
      var samples = Samples()
      for round in 0..<self.rounds {
        for load in loads {
          let figures = try await self.measure(load, servers, round: round)
          samples.add(figures)
          self.report(self.progress(load, figures, round: round))
        }
      }
      return samples
    }
  }

  private func withServers(
    _ body: (Servers) async throws -> Samples
  ) async throws -> Samples {
    self.report("starting kvstore and etcd, \(self.sizes.writtenKeys) keys each")
    let kvstore = try await ServerLaunch.kvstore(
      self.programs, directory: try self.freshDirectory("kvstore"))
    let etcd = try await ServerLaunch.etcd(
      self.programs, directory: try self.freshDirectory("etcd"))
    return try await withServer(kvstore, probe: "/v2/keys/") { kvstore in
      try await withServer(etcd, probe: "/v2/keys/") { etcd in
        for server in [kvstore, etcd] {
          try await fill(self.sizes.writtenKeys, port: server.port)
          _ = try await Connection.with(port: server.port) {
            try await $0.succeed(Request(.PUT, Keys.one, form: "value=\(Keys.value)"))
          }
        }
        let answer = try await Connection.with(port: kvstore.port) {
          try await $0.succeed(Request(.GET, Keys.one))
        }
        let bare = try await ServerLaunch.bare(
          self.programs, directory: try self.freshDirectory("bare"), bodyBytes: answer.bodyBytes)
        return try await withServer(bare, probe: "/") { bare in
          try await body(Servers(kvstore: kvstore, etcd: etcd, bare: bare))
        }
      }
    }
  }

  private func measure(_ load: Load, _ servers: Servers, round: Int) async throws -> Samples {
    var samples = Samples()
    let stores: [Subject] = [.kvstore, .etcd]
    switch load.kind {
    case .requests(let requests, let subjects):
      for subject in subjects.order(inRound: round) {
        let outcome = try await self.wrk.run(requests, named: load.name, against: servers[subject])
        samples.add(outcome.requestsPerSecond, to: Series(subject, "\(load.name).rate"))
        samples.add(outcome.cpuMicrosecondsPerRequest, to: Series(subject, "\(load.name).cpu"))
      }
    case .fanOut(let watchers):
      for subject in stores.order(inRound: round) {
        let times = try await self.fanOut(watchers, servers[subject])
        samples.add(times.fromAnswer, to: Series(subject, "\(load.name).answered"))
        samples.add(times.fromSending, to: Series(subject, "\(load.name).sent"))
      }
    case .watchedKeys:
      for subject in stores.order(inRound: round) {
        for count in [1, self.sizes.watchedKeys].order(inRound: round) {
          let cost = try await self.costPerWrite(watchedKeys: count, servers[subject])
          samples.add(cost, to: Series(subject, "\(load.name).\(count)"))
        }
      }
    case .expiry:
      for subject in stores.order(inRound: round) {
        let lateness = try await self.lateness(ofExpiriesAt: servers[subject])
        if let p99 = Distribution(lateness)?.quantile(0.99) {
          samples.add(p99, to: Series(subject, "expiry.p99"))
        }
      }
    case .memory, .start, .growth:
      preconditionFailure("\(load.name) has servers of its own")
    }
    return samples
  }

  // MARK: Servers of their own

  /// Memory and start-up: with fresh servers in each round, one at a time.
  private func measureStored() async throws -> Samples {
    var samples = Samples()
    for round in 0..<self.rounds {
      for subject in [Subject.kvstore, .etcd].order(inRound: round) {
        let directory = try self.freshDirectory(subject.rawValue)
        let figures = try await withServer(
          try await self.launch(subject, directory), probe: "/v2/keys/"
        ) { server in
          var figures = Samples()
          figures.add(try await self.settledMemory(server), to: Series(subject, "memory.idle"))
          try await fill(self.sizes.storedKeys, port: server.port)
          figures.add(try await self.settledMemory(server), to: Series(subject, "memory.filled"))
          return figures
        }
        samples.add(figures)
        let start = try await withServer(
          try await self.launch(subject, directory), probe: "\(Keys.many)\(self.sizes.storedKeys)"
        ) {
          $0.startTime
        }
        samples.add(start / .seconds(1), to: Series(subject, "start"))
        try FileManager.default.removeItem(atPath: directory)
      }
      let memory = self.loads.first { $0.kind == .memory } ?? self.loads.first { $0.kind == .start }
      if let memory { self.report(self.progress(memory, samples, round: round)) }
    }
    return samples
  }

  private func launch(_ subject: Subject, _ directory: String) async throws -> ServerLaunch {
    switch subject {
    case .kvstore: try await ServerLaunch.kvstore(self.programs, directory: directory)
    case .etcd: try await ServerLaunch.etcd(self.programs, directory: directory)
    case .bare: preconditionFailure("the bare server stores nothing")
    }
  }

  /// A second after the last request, as a garbage collector may have to catch its breath.
  private func settledMemory(_ server: Server) async throws -> Double {
    try await Task.sleep(for: .seconds(1))
    return try server.usage().residentMebibytes
  }

  /// The cost of a request in stores of different sizes that live at the same time.
  private func measureGrowth() async throws -> Samples {
    try await self.withFilledStores(self.sizes.growth[...], running: []) { servers in
      var samples = Samples()
      for round in 0..<self.rounds {
        for (count, server) in servers.order(inRound: round) {
          for (name, pattern) in [
            ("get", RequestLoad.Pattern.getMany(keyCount: count)),
            ("put", .putMany(keyCount: count)),
          ] {
            let outcome = try await self.wrk.run(
              RequestLoad(pattern: pattern, connections: 64), named: "growth-\(name)",
              against: server)
            samples.add(
              outcome.cpuMicrosecondsPerRequest, to: Series(.kvstore, "growth.\(name).\(count)"))
          }
        }
        self.report("round \(round + 1)/\(self.rounds)  growth")
      }
      return samples
    }
  }

  private func withFilledStores(
    _ counts: ArraySlice<Int>, running: [(Int, Server)],
    _ body: ([(Int, Server)]) async throws -> Samples
  ) async throws -> Samples {
    guard let count = counts.first else { return try await body(running) }
    let launch = try await ServerLaunch.kvstore(
      self.programs, directory: try self.freshDirectory("kvstore"))
    return try await withServer(launch, probe: "/v2/keys/") { server in
      self.report("filling a kvstore with \(FigureUnit.grouped(count)) keys")
      try await fill(count, port: server.port)
      return try await self.withFilledStores(
        counts.dropFirst(), running: running + [(count, server)], body)
    }
  }

  // MARK: Reporting

  /// What a round gave for a load, in one line.
  private func progress(_ load: Load, _ samples: Samples, round: Int) -> String {
    var shown: [Series] = []
    let figures = load.comparisons.flatMap { comparison in
      [(comparison.measured, comparison.unit), (comparison.against, comparison.unit)]
    }.compactMap { series, unit -> String? in
      guard !shown.contains(series), let figure = samples[series].last else { return nil }
      shown.append(series)
      return "\(series.subject.rawValue) \(unit.text(figure))"
    }
    return "round \(round + 1)/\(self.rounds)  \(load.name)  \(figures.joined(separator: ", "))"
  }

  /// Each watcher is a connection here and one in the server, which inherits our limit.
  private func raiseDescriptorLimit() throws {
    let watchers = self.loads.map { load in
      if case .fanOut(let count) = load.kind { count } else { self.sizes.watchedKeys }
    }.max()
    let needed = (watchers ?? 0) + 500
    let limit = DescriptorLimit.raise()
    guard limit >= needed else {
      throw BenchmarkError.tooFewDescriptors(limit: limit, needed: needed)
    }
  }
}

extension Load {
  /// Whether it is measured on servers that live as long as the rounds.
  fileprivate var isSideBySide: Bool {
    switch self.kind {
    case .requests, .fanOut, .watchedKeys, .expiry: true
    case .memory, .start, .growth: false
    }
  }
}
