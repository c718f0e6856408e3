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
    #expect(command.profile == nil)
    #expect(command.kubeletDetection.duration == .seconds(1))
  }

  @Test func takesGosDurationsAndBothSpellings() throws {
    let command = try ElectorCommand.parse(
      GoCommandLine.normalized(
        Self.recipe + ["--sleep", "1m30s", "--ttl_secs=97", "--whoami", "kube-master1"]))
    #expect(command.sleep.duration == .seconds(90))
    #expect(command.ttlSecs == 97)
    #expect(command.whoami == "kube-master1")
  }

  @Test(arguments: ["--etcd-servers", "--key", "--source-file", "--dest-file"])
  func namesWhatIsMissing(_ flag: String) {
    #expect(self.message(Self.recipe.filter { !$0.hasPrefix(flag) }).contains(flag))
  }

  @Test(arguments: [
    ("--sleep=5", "5"), ("--sleep=0s", "--sleep must be"), ("--ttl-secs=0", "--ttl-secs must be"),
    ("--kubelet=x", "--kubelet must be"), ("--key=/", "--key must not be empty"),
    ("--sleep=31s", "--sleep 31s is longer than the lease"), ("--profile=x", "quick"),
    ("--kubelet-detection=-1s", "--kubelet-detection must not be negative"),
    // The manifest is not there, so the grace is Kubernetes' own.
    ("--profile=quick", "--ttl-secs 39 or more"),
    ("--etcd-servers=https://a:1", "--etcd-servers: "), ("--etcd-servers=nonsense", "nonsense"),
  ]) func saysWhatIsWrong(_ argument: String, _ message: String) {
    #expect(self.message(Self.recipe + [argument]).contains(message))
  }
}
