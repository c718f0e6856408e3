import FoundationEssentials
import Linux
import TestCluster

/// One run of a ``KVStoreBenchmark``.
struct KVStoreBenchmarkRun: Sendable {
  let programs: Programs
  let loads: [Load]
  let sizes: Sizes
  let rounds: Int
  /// How long a load of requests lasts.
  let seconds: Int
  /// For data directories, logs and scripts.
  let directory: String
  let progress: BenchmarkProgress

  func measure() async throws -> Samples {
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
    if let versions = self.loads.first(where: { $0.kind == .versions }) {
      samples.add(try await self.measureVersions(versions))
    }
    let calls = self.loads.filter(\.isOfCalls)
    if !calls.isEmpty { samples.add(try await self.measureCalls(calls)) }
    return samples
  }

  /// A fresh directory for a server.
  func freshDirectory(_ name: String) throws -> String {
    let path = "\(self.directory)/\(name)-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    return path
  }

  var wrk: Wrk {
    Wrk(executable: self.programs.wrk, directory: self.directory, seconds: self.seconds)
  }

  // MARK: Servers that live at the same time

  /// The three that run beside each other.
  struct Servers: Sendable {
    let kvstore: Server
    let etcd: Server
    let bare: Server

    subscript(subject: Subject) -> Server {
      switch subject {
      case .kvstore: self.kvstore
      case .etcd: self.etcd
      case .bare, .bareCalls: self.bare
      }
    }
  }

  private func measureSideBySide(_ loads: [Load]) async throws -> Samples {
    try await self.withServers { servers in
      var samples = Samples()
      for round in 0..<self.rounds {
        for load in loads where !load.isOpenLoop {
          let figures = try await self.measure(load, servers, round: round)
          samples.add(figures)
          self.tell(load, figures, round: round)
        }
      }
      for load in loads {
        guard case .openLoop(let connections) = load.kind else { continue }
        samples.add(
          try await self.measureOpenLoop(load, connections, servers, earlier: samples))
      }
      return samples
    }
  }

  private func withServers(
    _ body: (Servers) async throws -> Samples
  ) async throws -> Samples {
    self.progress.note("starting kvstore and etcd, \(self.sizes.writtenKeys) keys each")
    return try await self.with(.kvstore) { kvstore in
      try await self.with(.etcd) { etcd in
        for server in [kvstore, etcd] {
          try await fill(self.sizes.writtenKeys, port: server.port)
          _ = try await Connection.with(port: server.port) {
            try await $0.succeed(Request(.PUT, Keys.one, form: "value=\(Keys.value)"))
          }
        }
        let answer = try await Connection.with(port: kvstore.port) {
          try await $0.succeed(Request(.GET, Keys.one))
        }
        return try await self.with(.bare, bodyBytes: answer.bodyBytes) { bare in
          try await body(Servers(kvstore: kvstore, etcd: etcd, bare: bare))
        }
      }
    }
  }

  /// Runs a server while the body runs.
  /// - Parameters:
  ///   - directory: one that has data already; `nil` for a fresh one.
  ///   - probe: what it has to answer with 200 before it counts as started; `nil` for any answer.
  func with<Result: Sendable>(
    _ subject: Subject, directory: String? = nil, probe: String? = nil, bodyBytes: Int = 0,
    _ body: (Server) async throws -> Result
  ) async throws -> Result {
    let launch = try self.programs.launch(
      subject, directory: try directory ?? self.freshDirectory(subject.rawValue), probe: probe,
      bodyBytes: bodyBytes)
    return try await MeasuredProcess.with(launch) { process in
      try await body(Server(subject: subject, port: launch.probe?.port ?? 0, process: process))
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
    case .openLoop, .memory, .start, .growth, .calls, .watchCalls, .leaseEnds, .versions:
      preconditionFailure("\(load.name) has rounds of its own")
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
        let figures = try await self.with(subject, directory: directory) { server in
          var figures = Samples()
          figures.add(try await self.settledMemory(server), to: Series(subject, "memory.idle"))
          try await fill(self.sizes.storedKeys, port: server.port)
          figures.add(try await self.settledMemory(server), to: Series(subject, "memory.filled"))
          return figures
        }
        samples.add(figures)
        let start = try await self.with(
          subject, directory: directory, probe: "\(Keys.many)\(self.sizes.storedKeys)"
        ) { $0.process.startTime }
        samples.add(start / .seconds(1), to: Series(subject, "start"))
        try FileManager.default.removeItem(atPath: directory)
      }
      let memory = self.loads.first { $0.kind == .memory } ?? self.loads.first { $0.kind == .start }
      if let memory { self.tell(memory, samples, round: round) }
    }
    return samples
  }

  /// When the tables are up to date, a garbage collector has run, and what was not needed any more was given back.
  func settledMemory(_ server: Server) async throws -> Double {
    try await Task.sleep(for: .seconds(20))
    return Double(try server.process.usage().residentBytes) / Double(1 << 20)
  }

  // MARK: Reporting

  /// How many of the loads have rounds of their own: memory and start-up share theirs.
  static func parts(_ loads: [Load]) -> Int {
    let shared = loads.contains { $0.kind == .memory } && loads.contains { $0.kind == .start }
    return loads.count - (shared ? 1 : 0)
  }

  /// Says a round's figures for a load, in one line, and that the round is done.
  func tell(_ load: Load, _ samples: Samples, round: Int) {
    var shown: [Series] = []
    let figures = load.comparisons.flatMap { comparison in
      [(comparison.measured, comparison.unit), (comparison.against, comparison.unit)]
    }.compactMap { series, unit -> String? in
      guard !shown.contains(series), let figure = samples[series].last else { return nil }
      shown.append(series)
      return "\(series.subject.rawValue) \(unit.text(figure))"
    }
    self.progress.note(
      "round \(round + 1)/\(self.rounds)  \(load.name)  \(figures.joined(separator: ", "))")
    self.progress.advance()
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
  /// Whether it is measured on servers that live through all rounds.
  fileprivate var isSideBySide: Bool {
    switch self.kind {
    case .requests, .openLoop, .fanOut, .watchedKeys, .expiry: true
    case .memory, .start, .growth, .calls, .watchCalls, .leaseEnds, .versions: false
    }
  }

  fileprivate var isOfCalls: Bool {
    switch self.kind {
    case .calls, .watchCalls, .leaseEnds: true
    default: false
    }
  }

  fileprivate var isOpenLoop: Bool {
    if case .openLoop = self.kind { true } else { false }
  }
}
