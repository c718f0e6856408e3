import ArgumentParser
import CommandLine

@main struct Main: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "zweimaster",
    abstract: "A Kubernetes control plane of several masters on one Linux box.",
    discussion: """
      Each master is a fake kubelet and two electors, for the scheduler and for the controller \
      manager; all masters share one store. Exactly one master runs each of the two daemons, and \
      you can break what you like to see that it stays so.

      Start here:      zweimaster demo
      Or by hand:      zweimaster up              (and in a second terminal:)
                       zweimaster leaders
                       zweimaster kill kube-master1
                       zweimaster pods --watch
      """,
    version: Version.line(of: "zweimaster"),
    subcommands: [
      Up.self, Down.self, Demo.self, Failures.self, Chaos.self, Simulate.self, Scale.self,
      Pods.self, Leaders.self, Exec.self, Logs.self, Kill.self, Stop.self, Start.self, Pause.self,
      Resume.self,
    ])
}
