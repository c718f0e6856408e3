import FoundationEssentials
import Glibc
import TestCluster

/// How quick a fake kubelet is with many pods, and what it needs of a machine.
package struct KubeletTrial: Sendable {
  /// How many pods are there all the time.
  package var pods: Int
  /// How often one more is put beside them, and taken away again.
  package var rounds: Int
  /// For how long it is watched while nothing happens.
  package var idle: Duration
  /// For everything that is written; removed at a good end.
  package var directory: String
  /// Where the programs are; `nil` for beside this one.
  package var executables: String?

  package init(
    pods: Int, rounds: Int, idle: Duration, directory: String, executables: String? = nil
  ) {
    self.pods = pods
    self.rounds = rounds
    self.idle = idle
    self.directory = directory
    self.executables = executables
  }

  /// What was seen.
  package struct Report: Sendable {
    /// From the rename of a manifest until `/pods` shows its pod Running, for each round.
    package var startTimes: [Duration]
    /// From the rename of all manifests' directory until all their pods run.
    package var allAfter: Duration
    /// While nothing happens, with all pods there.
    package var usage: ProcessLoad
  }

  /// - Throws: ``ClusterError`` when the kubelet does not start, or a pod does not run within a minute.
  package func run() async throws -> Report {
    let program = try Executables(self.executables).path(of: "fake-kubelet")
    let ports = try FreePorts.pick(2)
    let files = FileManager.default
    let manifests = "\(self.directory)/manifests"
    let ready = "\(self.directory)/ready"
    try files.createDirectory(atPath: ready, withIntermediateDirectories: true)
    for number in 0..<self.pods { try Self.write("p\(number)", to: "\(ready)/p\(number).yaml") }
    let url = "http://127.0.0.1:\(ports[0])"
    let report = try await Requests.with { requests in
      try await withThrowingTaskGroup(of: Void.self) { group in
        let kubelet = try await TrialProcess.start(
          program,
          [
            "--config=\(manifests)", "--hostname-override=n", "--read-only-port=\(ports[0])",
            "--port=\(ports[1])",
          ], log: "\(self.directory)/kubelet.log", in: &group)
        defer { kubelet.signal(SIGKILL) }
        try await TrialProcess.wait("for the kubelet", within: .seconds(60)) {
          (try? await requests.data("\(url)/healthz"))?.status == 200
        }
        let begin = ContinuousClock.now
        try files.moveItem(atPath: ready, toPath: manifests)
        try await Self.untilRunning(self.pods, url, requests)
        let allAfter = ContinuousClock.now - begin
        let times = ProcessTimes(pid: kubelet.pid)
        let idleSince = ContinuousClock.now
        try await Task.sleep(for: self.idle)
        let usage = ProcessLoad(
          pid: kubelet.pid, since: times, passed: ContinuousClock.now - idleSince)
        var startTimes: [Duration] = []
        for round in 0..<self.rounds {
          startTimes.append(try await self.round(round, manifests, url, requests))
        }
        group.cancelAll()
        return Report(startTimes: startTimes, allAfter: allAfter, usage: usage)
      }
    }
    // With an error the log stays.
    try files.removeItem(atPath: self.directory)
    return report
  }

  private func round(
    _ number: Int, _ manifests: String, _ url: String, _ requests: Requests
  ) async throws -> Duration {
    let (hidden, place) = ("\(manifests)/.one.yaml", "\(manifests)/one.yaml")
    // Another name each time, so that none waits for the one before.
    try Self.write("one\(number)", to: hidden)
    let begin = ContinuousClock.now
    guard rename(hidden, place) == 0 else { throw ClusterError.interrupted("the rename") }
    try await Self.untilRunning(self.pods + 1, url, requests)
    let took = ContinuousClock.now - begin
    unlink(place)
    try await TrialProcess.wait("for the pod to go", within: .seconds(60)) {
      try await Self.running(url, requests) == self.pods
    }
    return took
  }

  private static func untilRunning(
    _ count: Int, _ url: String, _ requests: Requests
  ) async throws {
    let end = ContinuousClock.now + .seconds(60)
    while try await Self.running(url, requests) != count {
      guard ContinuousClock.now < end else {
        throw ClusterError.timedOut("for \(count) pods to run", after: .seconds(60))
      }
    }
  }

  /// How many pods `/pods` shows as Running. Looked for in the text: to take a thousand of them apart would
  /// take longer than what is measured.
  private static func running(_ url: String, _ requests: Requests) async throws -> Int {
    let (_, body) = try await requests.data("\(url)/pods", within: .seconds(30))
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
}
