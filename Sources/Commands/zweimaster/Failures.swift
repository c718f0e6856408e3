import ArgumentParser
import Elector
import FaultCampaigns
import FoundationEssentials
import Glibc
import Synchronization
import TestCluster

/// `zweimaster failures`: the failure table, in real processes.
struct Failures: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "failures",
    abstract: "Play the failure table: break everything once, and judge what follows.",
    discussion: """
      Brings up two masters on each store, and then row by row: breaks something, waits for what has to \
      follow, mends it, and judges. Prints a table, and exits 1 when a row has failed; then the logs are \
      kept.

      GONE is how long after the fault the leader's manifest was gone, or its kubelet dead, TAKEOVER how long after it the \
      next one came; where nobody may lead during the fault, how long after its end, and where a manifest \
      is put right, how long that took. OVERLAP is for how long two of the pods surely ran at once, by \
      the word of the kubelets, which are asked every 20 ms.

      Example:  zweimaster failures
                zweimaster failures --store kvstore --row elector-sigkill --row store-silent
      """)

  @Option(
    help: ArgumentHelp(
      "\(FailureStore.allCases.map(\.rawValue).joined(separator: ", ")); may be repeated. "
        + "(default: all that are there)", valueName: "store"))
  var store: [FailureStore] = []

  @Option(
    help: ArgumentHelp("A row's name; may be repeated. (default: all)", valueName: "name"))
  var row: [String] = []

  @Flag(help: "Print the rows' names, and play none.")
  var list = false

  @Option(help: ArgumentHelp("The leases' time to live.", valueName: "seconds")) var ttlSecs = 3

  @Option(
    help: "The electors' profile: strict or podmaster. (default: none)",
    transform: { try Profile(flag: $0) })
  var profile: Profile?

  @Option(
    help: ArgumentHelp(
      "The real etcd; its stores are skipped when it is not there.", valueName: "program"))
  var etcd = "/usr/bin/etcd"

  @OptionGroup var state: StateOptions

  func validate() throws {
    guard self.ttlSecs >= 1 else {
      throw ValidationError("--ttl-secs is \(self.ttlSecs), but a lease takes at least 1 second")
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
    let results = Mutex<[FailureResult]>([])
    do {
      try await untilSignal {
        try await self.play(rows, console) { new in results.withLock { $0 += new } }
      }
    } catch is CancellationError {
      console.line("\nInterrupted; all is down. Logs are in \(self.state.directory).")
      throw ExitCode(130)
    }
    let all = results.withLock { $0 }
    console.line("\n\(FailureResult.table(all))")
    guard !all.contains(where: \.isFailed) else {
      console.line("\nNot all was as it has to be; logs are in \(self.state.directory).")
      throw ExitCode.failure
    }
    if isNew { try FileManager.default.removeItem(atPath: self.state.directory) }
  }

  private func play(
    _ rows: [FailureRow], _ console: Console, _ done: ([FailureResult]) -> Void
  ) async throws {
    for store in self.store.isEmpty ? FailureStore.allCases : self.store {
      guard store == .kvstore || access(self.etcd, X_OK) == 0 else {
        console.line("SKIPPED \(store.rawValue): there is no \(self.etcd) (make deps installs it)")
        continue
      }
      let run = FailureRun(configuration: self.configuration(store), store: store.rawValue)
      done(try await run.play(rows) { console.line("\($0)") })
    }
  }

  private func configuration(_ store: FailureStore) -> ClusterConfiguration {
    ClusterConfiguration(
      masters: 2, store: store.configured(etcd: self.etcd), ttlSeconds: self.ttlSecs,
      sleep: .milliseconds(500), podStopTime: .milliseconds(500), profile: self.profile,
      stateDirectory: self.state.directory)
  }
}

/// The stores of the table.
enum FailureStore: String, CaseIterable, ExpressibleByArgument {
  case kvstore
  case etcdV2 = "etcd-v2"
  case etcdV3 = "etcd-v3"
  case etcd3Members = "etcd-3-members"

  func configured(etcd: String) -> ClusterConfiguration.Store {
    switch self {
    case .kvstore: .kvstore
    case .etcdV2: .etcd(executable: etcd, api: .v2)
    case .etcdV3: .etcd(executable: etcd, api: .v3)
    case .etcd3Members: .etcd(executable: etcd, api: .v3, members: 3)
    }
  }
}
