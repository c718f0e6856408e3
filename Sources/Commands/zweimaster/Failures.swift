import ArgumentParser
import CommandLine
import Elector
import EtcdClient
import FaultCampaigns
import FoundationEssentials
import Glibc
import TestCluster

struct Failures: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "failures",
    abstract: "Play the failure table: break everything once, and judge what follows.",
    discussion: """
      Starts two masters on each store. Row by row it then breaks something, waits for what has to follow, \
      repairs it, and judges. Prints a table, and exits 1 when a row has failed, and then keeps the logs.

      GONE is how long after the fault the leader's manifest was gone, or its kubelet dead. TAKEOVER is how \
      long after the fault the next manifest came; where no master may lead during the fault, it counts from \
      the fault's end; where a manifest is restored, it is how long that took. OVERLAP is how long two of the \
      pods surely ran at once, by the word of the kubelets, which are asked every 20 ms.

      Example:  zweimaster failures
                zweimaster failures --store kvstore --row elector-sigkill --html failures.html
      """)

  @Option(
    help: ArgumentHelp(
      "\(FailureStore.allCases.map(\.rawValue).joined(separator: ", ")); may be repeated. "
        + "(default: all that are installed)", valueName: "store"))
  var store: [FailureStore] = []

  @Option(
    help: ArgumentHelp("A row's name; may be repeated. (default: all)", valueName: "name"))
  var row: [String] = []

  @Flag(help: "Print the rows' names and exit.")
  var list = false

  @Option(help: ArgumentHelp("The leases' TTL.", valueName: "seconds")) var ttlSecs = 3

  @Option(
    help: "The electors' profile: strict or podmaster. (default: none)",
    transform: { try Profile(flag: $0) })
  var profile: Profile?

  @Option(
    help: ArgumentHelp(
      "The real etcd; without it, the etcd stores are skipped.", valueName: "program"))
  var etcd = "/usr/bin/etcd"

  @OptionGroup var page: StoryFileOptions
  @OptionGroup var state: StateOptions

  func validate() throws {
    guard self.ttlSecs >= 1 else {
      throw ValidationError("--ttl-secs must be at least 1, not \(self.ttlSecs)")
    }
    _ = try FailureRow.named(self.row)
    _ = try self.configuration(.kvstore).timing()
  }

  func run() async throws {
    let rows = try FailureRow.named(self.row)
    if self.list {
      for row in rows { print(row.name) }
      return
    }
    let console = Console()
    let isNew = !FileManager.default.fileExists(atPath: self.state.directory)
    let all = try await console.untilSignal(logs: self.state.directory) {
      try await self.play(rows, console)
    }
    console.line("\n\(FailureResult.table(all))")
    let isFailed = all.contains(where: \.isFailed)
    if isFailed {
      console.line("\nNot everything was as it has to be; logs are in \(self.state.directory).")
    }
    try self.page.write(all.compactMap(\.story), console)
    if isFailed { throw ExitCode.failure }
    if isNew { try FileManager.default.removeItem(atPath: self.state.directory) }
  }

  private func play(_ rows: [FailureRow], _ console: Console) async throws -> [FailureResult] {
    var runs: [FailureRun] = []
    for store in self.store.isEmpty ? FailureStore.allCases : self.store {
      guard store.isOurs || access(self.etcd, X_OK) == 0 else {
        console.line("SKIPPED \(store.rawValue): there is no \(self.etcd) (make deps installs it)")
        continue
      }
      runs.append(
        FailureRun(
          configuration: self.configuration(store), store: store.rawValue,
          records: self.page.html != nil))
    }
    let count = runs.map { $0.applicable(rows).count }.reduce(0, +)
    return try await console.progress.during(LongTask("rows", of: count)) { [runs] in
      var results: [FailureResult] = []
      for run in runs {
        results += try await run.play(rows) { result in
          console.progress.update { $0.done += 1 }
          console.line("\(result)")
        }
      }
      return results
    }
  }

  private func configuration(_ store: FailureStore) -> ClusterConfiguration {
    ClusterConfiguration(
      masters: 2, store: store.configured(etcd: self.etcd), api: store.api,
      ttlSeconds: self.ttlSecs, sleep: .milliseconds(500), podStopTime: .milliseconds(500),
      profile: self.profile, stateDirectory: self.state.directory)
  }
}

/// The stores of the table.
enum FailureStore: String, CaseIterable, ExpressibleByArgument {
  case kvstore
  case kvstoreV3 = "kvstore-v3"
  case etcdV2 = "etcd-v2"
  case etcdV3 = "etcd-v3"
  case etcd3Members = "etcd-3-members"

  func configured(etcd: String) -> ClusterConfiguration.Store {
    switch self {
    case .kvstore, .kvstoreV3: .kvstore
    case .etcdV2, .etcdV3: .etcd(executable: etcd)
    case .etcd3Members: .etcd(executable: etcd, members: 3)
    }
  }

  var isOurs: Bool { self == .kvstore || self == .kvstoreV3 }

  var api: EtcdAPI { self == .kvstore || self == .etcdV2 ? .v2 : .v3 }
}
