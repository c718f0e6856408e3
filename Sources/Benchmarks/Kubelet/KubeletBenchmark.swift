import ArgumentParser
import CommandLine
import FoundationEssentials
import Glibc
import TestCluster

/// How soon a fake kubelet with many pods shows a new one, and what it needs of a machine.
package struct KubeletBenchmark: Benchmark {
  package static let configuration = CommandConfiguration(
    commandName: "kubelet",
    abstract:
      "Measure the fake kubelet: from a manifest's rename to its pod in /pods, memory, processor.",
    discussion: """
      Starts a kubelet with that many pods, watches it while nothing happens, and then, again and again, puts \
      one more manifest into its directory, waits until /pods shows its pod Running, and removes it.
      """)

  @Option(
    help: ArgumentHelp("How many pods; may be repeated. (default: 10, 1000)", valueName: "count"))
  var pods: [Int] = []
  @Option(help: "How many rounds.") var rounds = 100
  @Option(
    help: ArgumentHelp("How long the kubelet is watched while idle.", valueName: "duration"))
  var idle = GoDuration(.seconds(30))
  @OptionGroup var state: StateOptions

  package func validate() throws {
    try requirePositive(["rounds": self.rounds])
    if let count = self.pods.first(where: { $0 < 0 }) {
      throw ValidationError("--pods must not be negative, not \(count)")
    }
  }

  package init() {}

  /// For everything that is written; removed unless the benchmark fails.
  private var directory: String { "\(self.state.directory)/kubelet" }

  /// With one number of pods.
  package struct PodFigures: Sendable {
    package var pods: Int
    /// From the rename of a manifest until `/pods` shows its pod Running, for each round.
    package var startTimes: [Duration]
    /// From the rename of all manifests' directory until all their pods run.
    package var allAfter: Duration
    package var anonymousBytes: Int
    /// The share of one processor while nothing happens.
    package var processor: Double
  }

  private var counts: [Int] { self.pods.isEmpty ? [10, 1000] : self.pods }

  package var task: LongTask { LongTask("rounds", of: self.counts.count * self.rounds) }

  /// - Throws: ``BenchmarkError`` when the kubelet does not start, or a pod does not run within a minute.
  package func measure(_ progress: BenchmarkProgress) async throws -> [PodFigures] {
    var result: [PodFigures] = []
    for count in self.counts {
      progress.note("\(count) pods")
      result.append(
        try await WorkDirectory.with(self.directory) { try await self.measure(count, progress) })
    }
    return result
  }

  private func measure(
    _ count: Int, _ progress: BenchmarkProgress
  ) async throws -> PodFigures {
    let ports = try FreePorts.pick(2)
    let files = FileManager.default
    let manifests = "\(self.directory)/manifests"
    let ready = "\(self.directory)/ready"
    try files.createDirectory(atPath: ready, withIntermediateDirectories: true)
    for number in 0..<count { try Self.write("p\(number)", to: "\(ready)/p\(number).yaml") }
    let launch = try MeasuredProcess.Launch(
      "fake-kubelet",
      [
        "--config=\(manifests)", "--hostname-override=n", "--read-only-port=\(ports[0])",
        "--port=\(ports[1])",
      ], in: self.directory, probe: (ports[0], "/healthz"))
    return try await Requests.with { requests in
      let kubelet = ShownPods(url: "http://127.0.0.1:\(ports[0])/pods", requests: requests)
      return try await MeasuredProcess.with(launch) { process in
        let begin = ContinuousClock.now
        try files.moveItem(atPath: ready, toPath: manifests)
        try await kubelet.wait(for: count)
        let allAfter = ContinuousClock.now - begin
        let before = try process.usage()
        let idleSince = ContinuousClock.now
        try await Task.sleep(for: self.idle.duration)
        let usage = try process.usage()
        let processor = usage.processor(since: before, over: .now - idleSince)
        return PodFigures(
          pods: count,
          startTimes: try await Rounds(self.rounds).measure { round in
            defer { progress.advance() }
            return try await Self.startTime(round, beside: count, in: manifests, kubelet)
          }, allAfter: allAfter, anonymousBytes: usage.anonymousBytes, processor: processor)
      }
    }
  }

  private static func startTime(
    _ round: Int, beside count: Int, in manifests: String, _ kubelet: ShownPods
  ) async throws -> Duration {
    let (hidden, place) = ("\(manifests)/.one.yaml", "\(manifests)/one.yaml")
    // Another name each time, so that none waits for the previous pod's end.
    try Self.write("one\(round)", to: hidden)
    let begin = ContinuousClock.now
    guard rename(hidden, place) == 0 else { throw ClusterError.interrupted("the rename") }
    try await kubelet.wait(for: count + 1)
    let time = ContinuousClock.now - begin
    unlink(place)
    try await wait(for: "the pod to go", within: .seconds(60)) {
      try await kubelet.running() == count
    }
    return time
  }

  private static func write(_ name: String, to path: String) throws {
    let text = """
      apiVersion: v1
      kind: Pod
      metadata:
        name: \(name)
        namespace: kube-system
      spec:
        containers:
        - name: main
          image: registry.example/main:1
          command: ["/usr/local/bin/main", "--flag=value"]

      """
    try Data(text.utf8).write(to: URL(filePath: path))
  }

  package func report(_ figures: [PodFigures]) -> BenchmarkReport {
    BenchmarkReport(
      tables: [
        TextTable(
          header: ["pods"] + TimeColumns.names + ["all at once", "memory", "idle"],
          rows: figures.map { figures in
            ["\(figures.pods)"] + TimeColumns.cells(figures.startTimes, .milliseconds) + [
              FigureUnit.milliseconds.text(figures.allAfter),
              "\((Double(figures.anonymousBytes) / 1e6).rounded(1)) MB",
              "\((figures.processor * 100).rounded(3)) %",
            ]
          })
      ],
      notes: """
        From the rename of one more manifest until /pods shows its pod Running, \(self.rounds) rounds; the answers of \
        /pods are part of it. "All at once" is the same for the whole directory. Memory is anonymous memory; "idle" is \
        the share of one core while nothing happens.
        """)
  }
}

/// What a kubelet's `/pods` shows.
private struct ShownPods: Sendable {
  let url: String
  let requests: Requests

  /// Asks without a pause until that many pods run.
  func wait(for count: Int) async throws {
    try await Benchmarks.wait(for: "\(count) pods to run", within: .seconds(60), every: .zero) {
      try await self.running() == count
    }
  }

  /// How many pods are Running. This counts in the text: decoding a thousand pods would take longer than what is
  /// measured.
  func running() async throws -> Int {
    let (_, body) = try await self.requests.data(self.url, within: .seconds(30))
    return body.withUnsafeBytes { bytes in
      let wanted = Array(#""phase":"Running""#.utf8)
      var count = 0
      // The phase's own letter is rare enough to look for.
      for end in bytes.indices where bytes[end] == UInt8(ascii: "R") {
        let begin = end - wanted.count + "Running\"".utf8.count
        guard begin >= 0, begin + wanted.count <= bytes.count else { continue }
        if bytes[begin..<begin + wanted.count].elementsEqual(wanted) { count += 1 }
      }
      return count
    }
  }
}
