import FoundationEssentials
import Glibc
import Linux
import Subprocess
import SystemPackage
import TestCluster

/// Many elections on one kvstore, each with the same candidates: what they need of a machine, and
/// whether any of them loses its lease for want of it.
package struct Crowd: Sendable {
  /// How many elections there are.
  package var elections: Int
  /// How many electors take part in all of them, each with its guard.
  package var candidates: Int
  package var ttlSeconds: Int
  /// For how long it is watched after all were elected.
  package var duration: Duration
  /// For everything that is written; removed at a good end.
  package var directory: String
  /// Where the programs are; `nil` for beside this one.
  package var executables: String?

  package init(
    elections: Int, candidates: Int, ttlSeconds: Int, duration: Duration, directory: String,
    executables: String? = nil
  ) {
    self.elections = elections
    self.candidates = candidates
    self.ttlSeconds = ttlSeconds
    self.duration = duration
    self.directory = directory
    self.executables = executables
  }

  /// What was seen.
  package struct Report: Sendable {
    /// From the start of the last elector until every election had its manifest.
    package var electedAfter: Duration
    /// How many leases were lost, by the electors' own count.
    package var losses: Int
    /// How many manifests there were in the end: one for each election.
    package var manifests: Int
    package var store: ProcessLoad
    package var guards: [ProcessLoad]
    package var electors: [ProcessLoad]
    /// From SIGTERM to the end of the last elector.
    package var stoppedAfter: Duration
    /// Manifests that were left behind.
    package var left: Int
  }

  /// Brings all of it up, watches it and takes it down again.
  /// - Throws: ``ClusterError`` when something does not start, or not all are elected in two minutes.
  package func run() async throws -> Report {
    DescriptorLimit.raise()
    let programs = Executables(self.executables)
    let (kvstore, elector) = (try programs.path(of: "kvstore"), try programs.path(of: "elector"))
    let ports = try FreePorts.pick(1 + self.candidates)
    let files = FileManager.default
    try files.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
    let source = "\(self.directory)/pod.yaml"
    try Data(
      "kind: Pod\nmetadata:\n  name: p\nspec:\n  terminationGracePeriodSeconds: 1\n".utf8
    ).write(to: URL(filePath: source))
    for (number, port) in ports.dropFirst().enumerated() {
      try files.createDirectory(
        atPath: self.manifests(number), withIntermediateDirectories: true)
      let elections = (1...self.elections).map {
        "- {key: e\($0), source-file: \(source), dest-file: \(self.manifests(number))/e\($0).yaml}"
      }
      let settings = """
        etcd-servers: http://127.0.0.1:\(ports[0])
        etcd-api: v2
        whoami: n\(number)
        ttl-secs: \(self.ttlSeconds)
        http-listen: 127.0.0.1:\(port)
        elections:
        \(elections.joined(separator: "\n"))

        """
      try Data(settings.utf8).write(to: URL(filePath: self.config(number)))
    }
    let report = try await Requests.with { requests in
      try await withThrowingTaskGroup(of: Void.self) { group in
        let store = try await TrialProcess.start(
          kvstore,
          [
            "--listen-client-urls=http://127.0.0.1:\(ports[0])",
            "--data-dir=\(self.directory)/data",
          ], log: "\(self.directory)/kvstore.log", in: &group)
        defer { store.signal(SIGKILL) }
        try await TrialProcess.wait("for kvstore", within: .seconds(60)) {
          (try? await requests.data("http://127.0.0.1:\(ports[0])/version"))?.status == 200
        }
        var guards: [ProcessIdentity] = []
        defer { for guardian in guards { guardian.signal(SIGKILL) } }
        for number in 0..<self.candidates {
          guards.append(
            try await TrialProcess.start(
              elector, ["--config=\(self.config(number))"],
              log: "\(self.directory)/elector\(number).log", in: &group))
        }
        let report = try await self.watch(
          store, guards, Array(ports.dropFirst()), requests)
        group.cancelAll()
        return report
      }
    }
    // With an error the logs stay.
    try files.removeItem(atPath: self.directory)
    return report
  }

  private func manifests(_ number: Int) -> String { "\(self.directory)/manifests\(number)" }
  private func config(_ number: Int) -> String { "\(self.directory)/elections\(number).yaml" }

  private func watch(
    _ store: ProcessIdentity, _ guards: [ProcessIdentity], _ ports: [Int], _ requests: Requests
  ) async throws -> Report {
    let started = ContinuousClock.now
    try await TrialProcess.wait("until all are elected", within: .seconds(120)) {
      self.manifestCount >= self.elections
    }
    let electedAfter = ContinuousClock.now - started
    // The first elector may have won everything before the last one is up.
    for port in ports {
      try await TrialProcess.wait("until every elector knows its masters", within: .seconds(120)) {
        (try? await requests.data("http://127.0.0.1:\(port)/readyz"))?.status == 200
      }
    }
    let electors = guards.compactMap(\.child)
    let all = [store] + guards + electors
    let before = all.map { ProcessTimes(pid: $0.pid) }
    let begin = ContinuousClock.now
    try await Task.sleep(for: self.duration)
    let passed = ContinuousClock.now - begin
    let usages = zip(all, before).map { process, before in
      ProcessLoad(pid: process.pid, since: before, passed: passed)
    }
    var losses = 0
    for port in ports {
      let page = try await requests.data(
        "http://127.0.0.1:\(port)/metrics", within: .seconds(60)
      ).body
      losses += Self.sum(of: "elector_losses_total", in: String(decoding: page, as: UTF8.self))
    }
    let manifests = self.manifestCount
    let stopping = ContinuousClock.now
    for guardian in guards { kill(guardian.pid, SIGTERM) }
    try await TrialProcess.wait("until the electors have ended", within: .seconds(120)) {
      !guards.contains(where: \.isAlive)
    }
    return Report(
      electedAfter: electedAfter, losses: losses, manifests: manifests, store: usages[0],
      guards: Array(usages[1..<1 + guards.count]), electors: Array(usages[(1 + guards.count)...]),
      stoppedAfter: ContinuousClock.now - stopping, left: self.manifestCount)
  }

  private var manifestCount: Int {
    (0..<self.candidates).map { number in
      ((try? FileManager.default.contentsOfDirectory(atPath: self.manifests(number))) ?? [])
        .count { $0.hasSuffix(".yaml") && !$0.hasPrefix(".") }
    }.reduce(0, +)
  }

  private static func sum(of metric: String, in page: String) -> Int {
    page.split(separator: "\n").filter { $0.hasPrefix(metric + "{") }
      .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +)
  }

}

/// A process of a measurement.
package enum TrialProcess {
  /// Waits for something, looking again and again.
  package static func wait(
    _ what: String, within limit: Duration, every pause: Duration = .milliseconds(20),
    _ condition: () async throws -> Bool
  ) async throws {
    let end = ContinuousClock.now + limit
    while try await !condition() {
      guard ContinuousClock.now < end else { throw ClusterError.timedOut(what, after: limit) }
      try await Task.sleep(for: pause)
    }
  }

  /// Starts a process that leads a group of its own; the task that looks after it ends with it.
  package static func start(
    _ program: String, _ arguments: [String], log: String,
    in group: inout ThrowingTaskGroup<Void, any Error>
  ) async throws -> ProcessIdentity {
    let (started, announcement) = AsyncStream.makeStream(of: ProcessIdentity?.self)
    group.addTask {
      defer { announcement.finish() }
      let file = try FileDescriptor.open(
        FilePath(log), .writeOnly, options: [.create, .truncate, .closeOnExec],
        permissions: [.ownerReadWrite, .groupRead, .otherRead])
      var options = PlatformOptions()
      options.processGroupID = 0
      options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(3))]
      _ = try await Subprocess.run(
        .path(FilePath(program)), arguments: Arguments(arguments), platformOptions: options,
        input: .none, output: .fileDescriptor(file, closeAfterSpawningProcess: true),
        error: .combinedWithOutput
      ) { announcement.yield(ProcessIdentity(pid: $0.processIdentifier.value)) }
    }
    for await identity in started { if let identity { return identity } }
    throw ClusterError.interrupted("starting \(program)")
  }
}

/// What a process has used of its processors, so far.
package struct ProcessTimes: Sendable {
  package var seconds: Double

  /// - Returns: zero when there is no such process.
  package init(pid: Int32) {
    let ticks = ProcessStat(process: pid)?.ownTicks ?? 0
    self.seconds = Double(ticks) / Double(ProcessStat.ticksPerSecond)
  }
}

/// What a process needs.
package struct ProcessLoad: Equatable, Sendable {
  /// Memory of its own, in bytes. Source: proc(5), `RssAnon`.
  package var anonymousMemory: Int
  /// The part of one processor, 1 for all of it.
  package var processor: Double

  /// - Returns: zero when there is no such process.
  package static func anonymousMemory(pid: Int32) -> Int {
    let status =
      FileManager.default.contents(atPath: "/proc/\(pid)/status")
      .map { String(decoding: $0, as: UTF8.self) } ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
    let kibibytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first
    return (kibibytes.flatMap { Int($0) } ?? 0) * 1024
  }

  package init(pid: Int32, since times: ProcessTimes, passed: Duration) {
    self.anonymousMemory = Self.anonymousMemory(pid: pid)
    self.processor = (ProcessTimes(pid: pid).seconds - times.seconds) / (passed / .seconds(1))
  }
}
