import EtcdClient
import FoundationEssentials
import HTTPEndpoint
import Subprocess
import SystemPackage
import TestCluster
import TestSupport
import Testing

extension EndToEnd {
  @Suite struct ElectionTests {
    @Test func `the first election gives the recipe's table`() async throws {
      try await withCluster { cluster, _ in
        var leaders: [Role: String] = [:]
        for role in Role.allCases { leaders[role] = try await cluster.waitForLeader(of: role) }
        let expected = [
          "kube-controller-manager-\(leaders[.controllerManager] ?? "")",
          "kube-scheduler-\(leaders[.scheduler] ?? "")",
          "podmaster-kube-master1", "podmaster-kube-master2",
        ]
        let status = try await cluster.waitUntil("for the recipe's table") {
          $0.pods.map(\.name) == expected && $0.pods.allSatisfy { $0.status == "Running" }
        }
        #expect(status.pods.map(\.ready) == ["1/1", "1/1", "2/2", "2/2"])
        #expect(status.pods.allSatisfy { $0.restarts == "0" })
        for (role, leader) in leaders {
          #expect(try await cluster.lease(role).holder.name == leader)
        }
      }
    }

    /// `ZWEIMASTER_RACES` sets the number of rounds.
    private static let rounds =
      ProcessInfo.processInfo.environment["ZWEIMASTER_RACES"].flatMap { Int($0) } ?? 10

    /// Only electors and a store: in each round the key is free, and all electors start at once.
    @Test(arguments: [2, 3, 10])
    func
      `of several electors that start at the same instant exactly one wins, in each of many rounds`(
        _ count: Int
      ) async throws
    {
      try await withCluster(masters: 1) { cluster, _ in
        let race = Race(
          runners: (1...count).map { "runner\($0)" },
          directory: "\(cluster.directory.path)/race", store: cluster.store,
          api: cluster.configuration.api,
          source: cluster.directory.source(.scheduler, "kube-master1"))
        try FileManager.default.createDirectory(
          atPath: race.directory, withIntermediateDirectories: true)
        for round in 1...Self.rounds {
          let winner = try await race.run(round)
          #expect(winner != nil, "round \(round)")
        }
      }
    }
  }
}

/// Several electors of one key, another one in each round: the next winner would wait for the pod of the last one.
private struct Race: Sendable {
  let runners: [String]
  let directory: String
  let store: [EtcdEndpoint]
  let api: EtcdAPI
  let source: String

  /// One race, from a free key to the end of all runners.
  /// - Returns: the winner; `nil` when store and files disagree.
  func run(_ round: Int) async throws -> String? {
    let key = "race\(round)"
    return try await EtcdClient.with(endpoints: self.store, timeout: .seconds(60)) {
      (etcd: EtcdClient) async throws -> String? in
      for runner in self.runners {
        try? FileManager.default.removeItem(atPath: self.destination(runner))
      }
      return try await withThrowingTaskGroup(of: Void.self, returning: String?.self) { group in
        for runner in self.runners { group.addTask { try await self.start(runner, key) } }
        try await eventually("for a winner") { !self.winners.isEmpty }
        let winner = self.winners
        // The losers have tried by then, more than once.
        let end = ContinuousClock.now + .milliseconds(400)
        while ContinuousClock.now < end, winner.count == 1, self.winners == winner {
          try await Task.sleep(for: .milliseconds(5))
        }
        try #require(winner.count == 1 && self.winners == winner)
        let options = LeaseOptions(key: key, value: "", ttlSeconds: 1, timeout: .seconds(60))
        let lock = EtcdLeasedKey(client: etcd, api: self.api, options: options, records: false)
        let fact = try await lock.read().fact
        group.cancelAll()
        guard case .held(let holder, _) = fact, winner == [holder.name] else { return nil }
        return holder.name
      }
    }
  }

  private func destination(_ runner: String) -> String { "\(self.directory)/\(runner).yaml" }

  private var winners: [String] {
    self.runners.filter { FileManager.default.fileExists(atPath: self.destination($0)) }
  }

  /// Runs until the task is cancelled, which is `kill -9` for the guard and its child.
  private func start(_ runner: String, _ key: String) async throws {
    var options = PlatformOptions()
    options.processGroupID = 0
    options.teardownSequence = [
      .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .seconds(1))
    ]
    let log = try FileDescriptor.open(
      FilePath("\(self.directory)/\(runner).log"), .writeOnly, options: [.append, .create],
      permissions: .ownerReadWrite)
    _ = try await Subprocess.run(
      .path(FilePath(try Executables(nil).path(of: "elector"))),
      arguments: [
        "--etcd-servers=\(self.store.map(\.url).joined(separator: ","))", "--key=\(key)",
        "--etcd-api=\(self.api)", "--whoami=\(runner)", "--ttl-secs=3", "--sleep=100ms",
        "--source-file=\(self.source)",
        "--dest-file=\(self.destination(runner))",
      ],
      platformOptions: options, input: .none,
      output: .fileDescriptor(log, closeAfterSpawningProcess: true),
      error: .combinedWithOutput)
  }
}
