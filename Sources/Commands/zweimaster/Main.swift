import ArgumentParser
import CommandLine
import Glibc

@main struct Main: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "zweimaster",
    abstract: "A Kubernetes control plane of several masters on one Linux box.",
    discussion: """
      Each master is a fake kubelet and two electors, one for the scheduler and one for the controller \
      manager; all masters share one store. Exactly one master runs each of the two daemons, whatever \
      you break.

      Start here:      zweimaster demo
      Or by hand:      zweimaster up              (and in a second terminal:)
                       zweimaster leaders
                       zweimaster kill kube-master1
                       zweimaster pods --watch
      """,
    version: Version.line(of: "zweimaster"),
    subcommands: [
      Up.self, Down.self, Demo.self, Failures.self, Chaos.self, Simulate.self, Pods.self,
      Leaders.self, Exec.self, Logs.self, Kill.self, Stop.self, Start.self, Pause.self, Resume.self,
      StepDown.self, Cut.self, Mend.self,
    ])

  /// What earlier versions had, and where it is now.
  private static let successors = [
    "scale": "zweimaster simulate herd", "failover": "zweimaster-bench failover",
    "elections": "zweimaster-bench elections", "kubelet": "zweimaster-bench kubelet",
    "api": "zweimaster-bench api", "kvbench": "zweimaster-bench kvstore",
    "simulate --svg": "zweimaster simulate --html",
  ]

  static func main() async {
    let words = Swift.CommandLine.arguments.dropFirst()
    var verb = words.first ?? ""
    if verb == "simulate", !words.contains("herd"), words.contains(where: { $0.hasPrefix("--svg") })
    {
      verb = "simulate --svg"
    }
    if let successor = self.successors[verb] {
      let former = verb == "kvbench" ? verb : "zweimaster \(verb)"
      Terminal.errors.write("error: '\(former)' is now '\(successor)'\n")
      Self.exit(withError: ExitCode(EX_USAGE))
    }
    await Self.main(nil)
  }
}
