import GoFlags
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
    #expect(command.etcdServers == "http://127.0.0.1:4001")
    #expect(command.destFile == "/manifests/kube-scheduler.yaml")
    #expect(command.whoami == "")
    #expect(command.ttlSecs == 30)
    #expect(command.sleep.duration == .seconds(5))
    #expect(command.kubelet == nil)
    #expect(command.isGuarded.isTrue)
    #expect(command.guardDescriptor == nil)
  }

  @Test(arguments: ["--guard=false", "--guard=0"]) func runsWithoutAGuard(_ flag: String) throws {
    let command = try ElectorCommand.parse(GoCommandLine.normalized(Self.recipe + [flag]))
    #expect(!command.isGuarded.isTrue)
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
        Self.recipe + ["--sleep", "1m30s", "--ttl_secs=7", "--whoami", "kube-master1"]))
    #expect(command.sleep.duration == .seconds(90))
    #expect(command.ttlSecs == 7)
    #expect(command.whoami == "kube-master1")
  }

  @Test(arguments: ["--etcd-servers", "--key", "--source-file", "--dest-file"])
  func namesWhatIsMissing(_ flag: String) {
    #expect(self.message(Self.recipe.filter { !$0.hasPrefix(flag) }).contains(flag))
  }

  @Test(arguments: [
    ("--sleep=5", "5"), ("--sleep=0s", "--sleep must be"), ("--ttl-secs=0", "--ttl-secs must be"),
    ("--kubelet=x", "--kubelet must be"), ("--key=/", "--key must not be empty"),
    ("--etcd-servers=https://a:1", "--etcd-servers: "), ("--etcd-servers=nonsense", "nonsense"),
  ]) func saysWhatIsWrong(_ argument: String, _ message: String) {
    #expect(self.message(Self.recipe + [argument]).contains(message))
  }
}
