import CommandLine
import Elector
import EtcdClient
import Testing

@testable import elector

@Suite struct ElectorCommandTests {
  private static let recipe = [
    "--etcd-servers=http://127.0.0.1:4001", "--key=scheduler",
    "--source-file=/kubernetes/kube-scheduler.yaml", "--dest-file=/manifests/kube-scheduler.yaml",
  ]

  private func message(_ arguments: [String]) -> String {
    do {
      _ = try ElectorCommand.parse(GoCommandLine.normalized(arguments))
      return ""
    } catch {
      return ElectorCommand.message(for: error)
    }
  }

  @Test func takesTheRecipesCommandLine() throws {
    let command = try ElectorCommand.parse(GoCommandLine.normalized(Self.recipe))
    #expect(command.etcd.etcdServers == "http://127.0.0.1:4001")
    #expect(command.election.destFile == "/manifests/kube-scheduler.yaml")
    #expect(command.election.whoami == "")
    #expect(command.election.ttlSecs == 30)
    #expect(command.election.sleep.duration == .seconds(5))
    #expect(command.election.kubelet.kubelet == nil)
    #expect(
      command.election.kubelet.startDeadline == nil && command.election.kubelet.maxRestarts == nil)
    #expect(command.election.profile == nil)
    #expect(command.election.kubelet.kubeletDetection.duration == .seconds(1))
    #expect(command.guardDescriptor == nil)
  }

  /// All that podmaster's usage shows, as in kubernetes#15847.
  @Test func takesPodmastersLogFlags() throws {
    let arguments = GoCommandLine.normalized(
      Self.recipe + [
        "--log_flush_frequency=5s", "--alsologtostderr=false", "--logtostderr", "--log_dir=/tmp",
        "--log_backtrace_at=:0", "--stderrthreshold=2", "--vmodule=a=1", "--v=0",
      ], switches: ElectorCommand.switches)
    #expect(self.message(arguments) == "")
    #expect(!ElectorCommand.helpMessage().contains("flush"))
  }

  @Test(arguments: ["--guard=false", "--guard=0", "--guard=true", "--guard"])
  func refusesToRunWithoutAGuard(_ flag: String) throws {
    let arguments = GoCommandLine.normalized(
      Self.recipe + [flag], switches: ElectorCommand.switches)
    #expect(
      self.message(arguments).contains("--guard is gone: the guard always owns the manifest"))
    #expect(!ElectorCommand.helpMessage().contains("--guard"))
  }

  @Test func stepsDownForATimeOrUntilResume() throws {
    #expect(try StepDown.parse(["--for=90s"]).duration?.duration == .seconds(90))
    #expect(try StepDown.parse([]).duration == nil)
    #expect(throws: (any Error).self) { try StepDown.parse(["--for=0s"]) }
    #expect(ElectorCommand.removedCommands["pause"]?.contains("elector step-down") == true)
  }

  @Test func cleansSeveralFiles() throws {
    let clean = try Clean.parse(["--dest-file=/m/a.yaml", "--dest-file", "/m/b.yaml"])
    #expect(clean.destFile == ["/m/a.yaml", "/m/b.yaml"])
    #expect(throws: (any Error).self) { try Clean.parse([]) }
    #expect(throws: (any Error).self) { try Clean.parse(["--dest-file=/"]) }
  }

  @Test func takesGosDurationsAndBothSpellings() throws {
    let command = try ElectorCommand.parse(
      GoCommandLine.normalized(
        Self.recipe + ["--sleep", "1m30s", "--ttl_secs=97", "--whoami", "kube-master1"]))
    #expect(command.election.sleep.duration == .seconds(90))
    #expect(command.election.ttlSecs == 97)
    #expect(command.election.whoami == "kube-master1")
  }

  @Test func takesKubeAPIServersFlagsForEtcd() throws {
    let command = try ElectorCommand.parse(
      GoCommandLine.normalized(
        Self.recipe.dropFirst() + [
          "--etcd-servers=https://a:2379,https://b:2379", "--etcd-api=v3", "--etcd-cafile=ca.crt",
          "--etcd-certfile=my.crt", "--etcd-keyfile=my.key", "--etcd-username=me",
          "--etcd-password-file=secret",
        ]))
    #expect(command.etcd.etcdApi == .v3)
    #expect(command.etcd.etcdCafile == "ca.crt")
    #expect(command.etcd.etcdCertfile == "my.crt")
    #expect(command.etcd.etcdKeyfile == "my.key")
    #expect(command.etcd.etcdUsername == "me")
    #expect(command.etcd.etcdPasswordFile == "secret")
    #expect(try ElectorCommand.parse(GoCommandLine.normalized(Self.recipe)).etcd.etcdApi == .auto)
  }

  @Test(arguments: ["--etcd-servers", "--key", "--source-file", "--dest-file"])
  func namesWhatIsMissing(_ flag: String) {
    #expect(self.message(Self.recipe.filter { !$0.hasPrefix(flag) }).contains(flag))
  }

  @Test(arguments: [
    ("--sleep=5", "5"), ("--sleep=0s", "--sleep must be"), ("--ttl-secs=0", "--ttl-secs must be"),
    ("--kubelet=x", "--kubelet must be"), ("--key=/", "--key must not be empty"),
    ("--sleep=31s", "--sleep 31s is longer than the lease"), ("--profile=x", "strict, podmaster"),
    ("--kubelet-detection=-1s", "--kubelet-detection must not be negative"),
    ("--profile=quick", "--profile quick is gone: leave --profile out, or use strict"),
    ("--etcd-servers=unix://a:1", "--etcd-servers: "), ("--etcd-servers=nonsense", "nonsense"),
    ("--etcd-api=v4", "use auto, v2 or v3, not \"v4\""),
    ("--etcd-cafile=ca.crt", "--etcd-cafile needs https:// in --etcd-servers"),
    ("--etcd-certfile=my.crt", "--etcd-certfile and --etcd-keyfile need each other"),
    ("--etcd-keyfile=my.key", "--etcd-certfile and --etcd-keyfile need each other"),
    ("--etcd-username=me", "--etcd-username and --etcd-password-file need each other"),
    ("--etcd-password-file=f", "--etcd-username and --etcd-password-file need each other"),
    ("--kubelet-cafile=ca.crt", "--kubelet-cafile needs https:// in --kubelet"),
    ("--kubelet-insecure-tls=true", "--kubelet-insecure-tls needs https:// in --kubelet"),
    ("--kubelet-certfile=my.crt", "--kubelet-certfile and --kubelet-keyfile need each other"),
    ("--start-deadline=1m", "--start-deadline needs --kubelet"),
    ("--max-restarts=3", "--max-restarts needs --kubelet"),
    ("--token-env=1 2", "--token-env must be a variable's name, not \"1 2\""),
    ("--log-format=xml", "json"),
  ]) func saysWhatIsWrong(_ argument: String, _ message: String) {
    #expect(self.message(Self.recipe + [argument]).contains(message))
  }

  @Test func whoHoldsWhatIsATable() {
    let position = Holder(name: "n1", term: 12, modifiedIndex: 40)
    let record = TermRecord(
      term: 12, isEnded: false, candidate: Candidate(name: "n1", bootID: "b", destination: "/m"),
      podOutlivesLease: .zero)
    let rows = [
      LockRow(
        key: "scheduler", lock: .held(position, remaining: .seconds(28)),
        record: .found(value: record.json, modifiedIndex: 13)),
      LockRow(key: "c", lock: .absent, record: .absent),
    ]
    #expect(
      LockRow.table(rows) == """
        KEY         HOLDER   TERM   REST   RECORD
        scheduler   n1       12     28s    open, term 12, n1
        c           -        -      -      -
        """)
    #expect(rows.flatMap(\.warnings).isEmpty)
    let endless = LockRow(
      key: "k", lock: .held(position, remaining: .endless), record: .absent)
    #expect(endless.cells == ["k", "n1", "12", "never", "-"])
    #expect(endless.warnings.first?.contains("k has no TTL and never ends") == true)
  }

  @Test func aDoubledNameIsWarnedOf() {
    var record = TermRecord(
      term: 12, isEnded: false, candidate: Candidate(name: "n1", bootID: "b1", destination: "/m"),
      podOutlivesLease: .zero)
    func warnings(_ holder: String, _ term: UInt64) -> [String] {
      LockRow(
        key: "k",
        lock: .held(Holder(name: holder, term: term, modifiedIndex: 50)),
        record: .found(value: record.json, modifiedIndex: 13)
      ).warnings
    }
    #expect(warnings("n1", 20).first?.contains("boot ID b1") == true)
    #expect(warnings("n2", 12).first?.contains("in a term that began as n1") == true)
    #expect(warnings("n2", 20).isEmpty)
    record.isEnded = true
    #expect(warnings("n1", 20).isEmpty)
    #expect(
      LockRow(key: "a/k", lock: .absent, record: .found(value: "x", modifiedIndex: 1)).warnings
        == ["a/_k.term holds no record of an elector"])
  }
}
