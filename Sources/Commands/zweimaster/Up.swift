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

      With --recipe the masters are machines in namespaces of their own, as the recipe has them: each has \
      an API server and a kubelet, as services with init scripts, the recipe's manifests run as \
      processes, and the elector in podmaster's place; timing is the recipe's. 'zweimaster exec NODE' \
      is a shell on one of them, and kubectl shows all of it. Takes root.

      Example:  zweimaster up --masters 3 --ttl-secs 30 --sleep 5s
                zweimaster up --recipe --load-balancer
      """)

  @OptionGroup var options: ClusterOptions
  @OptionGroup var recipe: RecipeOptions

  func validate() throws {
    if self.recipe.recipe, let flag = self.options.foreignToRecipe {
      throw ValidationError(
        "\(flag) does not go with --recipe, which has the recipe's own timing and store")
    }
  }

  func run() async throws {
    let console = Console()
    var configuration = try self.options.configuration(report: { console.line("zweimaster: \($0)") }
    )
    configuration.hasAPIServers = self.recipe.hasAPIServers
    configuration.loadBalancerPort = try Cluster.checkedLoadBalancerPort(self.recipe.port)
    var room = self.recipe.room
    if room != nil {
      do {
        try await Cluster.enterRoom()
      } catch let error as ClusterError {
        console.line(
          "zweimaster: no machines, since \(error); masters are processes with ports of this box, and their "
            + "kubelets only pretend to run pods")
        room = nil
      }
    }
    let settings = (configuration, room)
    try await untilSignal {
      let (configuration, room) = settings
      do {
        let body: @Sendable (Cluster) async throws -> Void = { cluster in
          try await ControlServer(cluster).serve {
            console.line(Self.invitation(cluster))
            try await Self.show(cluster, on: console)
          }
        }
        if let room {
          try await Cluster.withRoom(room, configuration, body)
        } else {
          try await Cluster.withRunning(configuration, body)
        }
      } catch is CancellationError {
        // ctrl-C is how it is meant to end.
      }
    }
    console.line("zweimaster: all is down; logs are in \(self.options.state.directory)")
  }

  /// What can be typed now.
  private static func invitation(_ cluster: Cluster) -> String {
    let configuration = cluster.configuration
    guard configuration.hasAPIServers else { return "" }
    var lines = ["In another terminal:"]
    if let port = configuration.loadBalancerPort {
      lines += [
        "  export KUBECONFIG=\(cluster.directory.kubectlConfiguration)   # the load balancer, 127.0.0.1:\(port)",
        "  kubectl get pod --namespace=kube-system",
      ]
    }
    for node in configuration.nodes where configuration.room == nil {
      if let url = cluster.apiServerURL(node) {
        lines.append("  kubectl --server=\(url) get pod --namespace=kube-system   # \(node)")
      }
    }
    if configuration.room != nil {
      lines.append(
        "  zweimaster exec kube-master1   # a shell on a master, with kubectl, curl and service")
    }
    lines.append(
      "  zweimaster kill kube-master1   # its power is gone; 'zweimaster start' brings it back")
    return "\n" + lines.joined(separator: "\n") + "\n"
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
