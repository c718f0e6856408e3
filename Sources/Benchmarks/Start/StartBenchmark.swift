import ArgumentParser
import CommandLine
import FoundationEssentials
import TestCluster

/// How long each program takes from its start until it is ready.
package struct StartBenchmark: Benchmark {
  package static let configuration = CommandConfiguration(
    commandName: "start",
    abstract: "Measure how long each program takes from its start until it is ready.",
    discussion: """
      Starts kvstore, elector, fake-kubelet and fake-apiserver, again and again, and asks each of them every \
      millisecond whether it is ready.
      """)

  @Option(help: "How often each program is started.") var rounds = 20
  @OptionGroup var state: StateOptions

  package func validate() throws { try requirePositive(["rounds": self.rounds]) }

  package init() {}

  /// For everything that is written; removed unless the benchmark fails.
  private var directory: String { "\(self.state.directory)/start" }

  package enum Program: String, CaseIterable, Sendable {
    case kvstore
    case elector
    case kubelet = "fake-kubelet"
    case apiServer = "fake-apiserver"

    package var isReadyWhen: String {
      switch self {
      case .kvstore: "it answers a read"
      case .elector: "`/readyz` answers 200: it knows the leader, here itself"
      case .kubelet, .apiServer: "`/healthz` answers 200"
      }
    }
  }

  package var task: LongTask { LongTask("rounds", of: self.rounds) }

  /// - Throws: ``BenchmarkError``, or `ClusterError` when a program is not there.
  package func measure(
    _ progress: BenchmarkProgress
  ) async throws -> [Program: [Duration]] {
    try await WorkDirectory.with(self.directory) {
      var times: [Program: [Duration]] = [:]
      for round in try await Rounds(self.rounds).measure({ number in
        defer { progress.advance() }
        return try await self.round(number)
      }) {
        times.merge(round.mapValues { [$0] }) { $0 + $1 }
      }
      return times
    }
  }

  /// All programs once, on an empty store.
  private func round(_ number: Int) async throws -> [Program: Duration] {
    let directory = "\(self.directory)/\(number)"
    let manifests = "\(directory)/manifests"
    try FileManager.default.createDirectory(atPath: manifests, withIntermediateDirectories: true)
    let source = "\(directory)/pod.yaml"
    try Data(Self.pod.utf8).write(to: URL(filePath: source))
    let ports = try FreePorts.pick(5)
    let store = "http://127.0.0.1:\(ports[0])"
    let clients: [(Program, Int, path: String, [String])] = [
      (
        .elector, ports[1], "/readyz",
        [
          "--etcd-servers=\(store)", "--key=start", "--whoami=n", "--ttl-secs=3", "--sleep=500ms",
          "--http-listen=127.0.0.1:\(ports[1])", "--source-file=\(source)",
          "--dest-file=\(directory)/pod-installed.yaml",
        ]
      ),
      (
        .kubelet, ports[2], "/healthz",
        [
          "--config=\(manifests)", "--hostname-override=n", "--read-only-port=\(ports[2])",
          "--port=\(ports[3])",
        ]
      ),
      (
        .apiServer, ports[4], "/healthz",
        ["--etcd-servers=\(store)", "--insecure-port=\(ports[4])"]
      ),
    ]
    let kvstore = try MeasuredProcess.Launch.kvstore(port: ports[0], directory: directory)
    return try await MeasuredProcess.with(kvstore) { kvstore in
      var times = [Program.kvstore: kvstore.startTime]
      for (program, port, path, arguments) in clients {
        let launch = try MeasuredProcess.Launch(
          program.rawValue, arguments, in: directory, probe: (port, path))
        times[program] = try await MeasuredProcess.with(launch) { $0.startTime }
      }
      return times
    }
  }

  /// A pod that ends soon, so that an elector that leaves need not wait.
  private static let pod = """
    kind: Pod
    metadata:
      name: p
    spec:
      terminationGracePeriodSeconds: 1

    """

  package func report(_ figures: [Program: [Duration]]) -> BenchmarkReport {
    BenchmarkReport(
      tables: [
        TextTable(
          header: ["program", "ready when"] + TimeColumns.names,
          rows: Program.allCases.map { program in
            [program.rawValue, program.isReadyWhen]
              + TimeColumns.cells(figures[program] ?? [], .milliseconds)
          })
      ],
      notes: """
        From before the process starts to the first good answer, asked every millisecond; \(self.rounds) rounds. \
        Stores and directories are empty, and the elector leads: no other one stands for its key.
        """)
  }
}
