import ArgumentParser
import Benchmarks
import Glibc

struct Failover: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "failover",
    abstract: "Measure hand-overs and takeovers, on kvstore and on a real etcd.",
    discussion: """
      Starts two masters, and then, again and again, stops the leading one in good order or kills all of it, \
      measures until the scheduler's manifest is on the other one, and brings it back. It looks at the \
      directories every 20 ms. Exits 1 when two had the manifest or the pod at once.
      """)

  @Option(help: "How many hand-overs and how many takeovers, for each store.") var rounds = 50
  @Option(help: ArgumentHelp("The leases' TTL.", valueName: "seconds")) var ttlSecs = 3
  @Option(
    help: ArgumentHelp(
      "The real etcd to measure as well; skipped when it is not there.", valueName: "program"))
  var etcd = "/usr/bin/etcd"
  @OptionGroup var state: StateOptions

  func validate() throws { try requirePositive(["rounds": self.rounds, "ttl-secs": self.ttlSecs]) }

  func run() async throws {
    let hasEtcd = access(self.etcd, X_OK) == 0
    if !hasEtcd {
      note("there is no \(self.etcd): only kvstore is measured (make deps installs it)")
    }
    try await FailoverBenchmark(
      rounds: self.rounds, ttlSeconds: self.ttlSecs, etcd: hasEtcd ? self.etcd : nil,
      stateDirectory: self.state.directory
    ).play()
  }
}
