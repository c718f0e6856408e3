import ArgumentParser
import Glibc
import ServiceLifecycle
import TestCluster

struct Up: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Bring a cluster up, and show it until ctrl-C takes it down.",
    discussion: """
      Starts a store and, for each master, a fake kubelet and two electors as separate processes; one \
      that dies by itself is started again. The fake kubelets only pretend to run the pod 'podmaster' \
      of the table: the electors that it stands for are processes of this command.

      Act on it from a second terminal with the other commands. ctrl-C ends all of it; logs and \
      manifests stay in the state directory.

      Example:  zweimaster up --masters 3 --ttl-secs 30 --sleep 5s
      """)

  @OptionGroup var options: ClusterOptions

  func run() async throws {
    let console = Console()
    let configuration = try self.options.configuration(report: { console.line("zweimaster: \($0)") }
    )
    try await untilSignal {
      do {
        try await Cluster.withRunning(configuration) { cluster in
          try await ControlServer(cluster).serve {
            try await Self.show(cluster, on: console)
          }
        }
      } catch is CancellationError {
        // ctrl-C is how it is meant to end.
      }
    }
    console.line("zweimaster: all is down; logs are in \(self.options.state.directory)")
  }

  /// Shows the cluster until somebody ends it.
  private static func show(_ cluster: Cluster, on console: Console) async throws {
    console.line(
      "zweimaster: the store is \(cluster.store.map(\.url).joined(separator: ","))"
        + ", the files are in \(cluster.directory.path); ctrl-C ends all of it\n")
    var shown = ""
    while !(await cluster.isEndRequested) {
      let status = await cluster.status()
      // A terminal gets the ages as they run; a file gets a view when something has changed.
      let view = status.view(withAges: console.isTerminal)
      if view != shown { console.show(status.view()) }
      shown = view
      try await Task.sleep(for: .milliseconds(500))
    }
  }
}

struct Down: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "End the cluster that runs, as ctrl-C in its terminal does.",
    discussion: "Example:  zweimaster down")

  @OptionGroup var state: StateOptions

  func run() async throws {
    try await ControlClient.with(self.state.directory) { try await $0.down() }
    print("the cluster is down")
  }
}
