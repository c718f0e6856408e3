import ArgumentParser
import EtcdClient
import Glibc
import ServiceLifecycle
import TestCluster

struct Up: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Start a cluster, and show it until ctrl-C ends it.",
    discussion: """
      Starts a store and, for each master, a fake kubelet and two electors as processes; one that ends by \
      itself is restarted. The fake kubelets only pretend to run the pod 'podmaster' of the table: the \
      electors that it stands for are processes of this command.

      Act on the cluster from a second terminal with the other commands. ctrl-C ends all of it; logs and \
      manifests stay in the state directory.

      With --recipe the masters are machines in namespaces, as in the recipe: each has an API server and a \
      kubelet, started by init scripts; the pods of the recipe's manifests are real processes, with the \
      elector in podmaster's place; the timing is the recipe's. 'zweimaster exec NODE' opens a shell on a \
      machine. Needs root.

      With --web a page at http://127.0.0.1:8090 shows all of it by time, and has a button for each command.

      Example:  zweimaster up --masters 3 --ttl-secs 30 --sleep 5s
                zweimaster up --web
                zweimaster up --recipe --load-balancer
      """)

  @OptionGroup var options: ClusterOptions
  @OptionGroup var recipe: RecipeOptions
  @OptionGroup var page: LivePageOptions

  func validate() throws {
    if self.recipe.recipe, let flag = self.options.foreignToRecipe {
      throw ValidationError(
        "\(flag) does not go with --recipe, which has the recipe's timing and store")
    }
  }

  func run() async throws {
    let console = Console()
    var configuration = try self.options.configuration(report: { console.line("zweimaster: \($0)") }
    )
    // A podmaster has v2, and so do those who follow the recipe.
    if self.recipe.recipe { configuration.api = .v2 }
    configuration.hasAPIServers = self.recipe.hasAPIServers
    configuration.loadBalancerPort = self.recipe.port
    let page = self.page.port(inRecipe: self.recipe.recipe).map {
      LivePage(port: $0, isWanted: self.page.isWanted)
    }
    try await Cluster.prepare(configuration, page: page)
    var room = self.recipe.room
    if room != nil {
      do {
        try await Cluster.enterRoom(stateDirectory: self.options.state.directory)
      } catch let error as ClusterError {
        console.line(
          "zweimaster: no machines, since \(error)\n"
            + "zweimaster: instead, the masters are processes on ports of this box; their kubelets start at once and "
            + "only pretend to run pods, and there are no workers")
        room = nil
        configuration.setRecipeTiming()
      }
    }
    // Machines have links of their own to cut.
    configuration.hasRelays = room == nil && page != nil && self.options.etcd == nil
    let state = self.options.state
    try await untilSignal { [configuration, room] in
      do {
        try await Cluster.withRoom(room, configuration) { cluster in
          try await ControlServer(cluster).serve {
            console.line(Self.invitation(cluster, state: state))
            try await LivePage.serve(
              page, of: cluster, report: { console.line("zweimaster: \($0)") }
            ) {
              try await Self.show(cluster, on: console)
            }
          }
        }
      } catch is CancellationError {
        // ctrl-C is the usual end.
      }
    }
    console.line("zweimaster: all is down; logs are in \(self.options.state.directory)")
  }

  /// Commands to try now.
  private static func invitation(_ cluster: Cluster, state: StateOptions) -> String {
    let configuration = cluster.configuration
    guard configuration.hasAPIServers else { return "" }
    let program = configuration.room == nil ? "zweimaster" : "sudo zweimaster"
    let place =
      state.directory == StateOptions.usual ? "" : " --state-dir \(Self.quoted(state.directory))"
    var lines = ["In another terminal:"]
    if let port = configuration.loadBalancerPort {
      lines += [
        "  export KUBECONFIG=\(Self.quoted(cluster.directory.kubectlConfiguration))",
        "  kubectl get pod --namespace=kube-system   # through the load balancer, 127.0.0.1:\(port)",
      ]
    }
    for node in configuration.nodes where configuration.room == nil {
      if let url = cluster.apiServerURL(node) {
        lines.append("  kubectl --server=\(url) get pod --namespace=kube-system   # \(node)")
      }
    }
    if configuration.room != nil {
      lines.append(
        "  \(program) exec kube-master1\(place)   # a shell on a master, with kubectl, curl and service"
      )
    }
    lines.append(
      "  \(program) kill kube-master1\(place)   # its power fails; '\(program) start' brings it back"
    )
    if configuration.room != nil, configuration.loadBalancerPort != nil {
      lines += [
        "",
        "The API has no authentication: every user of this box can run a pod, on a master as root.",
      ]
    }
    return "\n" + lines.joined(separator: "\n") + "\n"
  }

  /// Quoted for a shell.
  private static func quoted(_ text: String) -> String {
    text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/._-+".contains($0)) }
      ? text : "'\(text.replacing("'", with: #"'"'"'"#))'"
  }

  /// Shows the cluster until 'zweimaster down'.
  private static func show(_ cluster: Cluster, on console: Console) async throws {
    console.line(
      "zweimaster: the store is \(cluster.store.map(\.url).joined(separator: ","))"
        + ", the files are in \(cluster.directory.path); ctrl-C ends all of it\n")
    var shown = ""
    while !(await cluster.isEndRequested) {
      let status = await cluster.status()
      // On a terminal ages count up; a file gets a view only when something has changed.
      let view = status.view(withAges: console.isTerminal)
      if view != shown { console.show(status.view()) }
      shown = view
      try await Task.sleep(for: .milliseconds(500))
    }
  }
}

struct Down: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "End the running cluster, as ctrl-C in its terminal does.",
    discussion: "Example:  zweimaster down")

  @OptionGroup var state: StateOptions

  func run() async throws {
    try await ControlClient.with(self.state.directory) { try await $0.down() }
    print("the cluster is down")
  }
}
