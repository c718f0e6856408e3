import ArgumentParser
import CommandLine
import Glibc
import TestCluster

struct Pods: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the pods, as 'kubectl get pod --namespace=kube-system' does.",
    discussion: """
      Problems, such as a node that is down, go to standard error.

      Example:  zweimaster pods --watch
      """)

  @Flag(name: .shortAndLong, help: "Keep showing them until ctrl-C.")
  var watch = false

  @OptionGroup var state: StateOptions

  func run() async throws {
    try await ControlClient.with(self.state.directory) { client in
      if self.watch {
        let console = Console()
        while true {
          console.show(try await client.status().view())
          try await Task.sleep(for: .milliseconds(500))
        }
      }
      let status = try await client.status()
      print(status.pods.isEmpty ? "No pods run." : PodRow.table(status.pods).description)
      printRemarks(status)
    }
  }
}

struct Leaders: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the leaders: LEADER by the store, RUNS ON by the kubelets.",
    discussion: """
      They differ only while the leader changes. TTL is the rest of the lease.

      Example:  zweimaster leaders
      """)

  @OptionGroup var state: StateOptions

  func run() async throws {
    let status = try await ControlClient.with(self.state.directory) { try await $0.status() }
    print(status.leaderTable)
    printRemarks(status)
  }
}

struct Logs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the log of a node's process.",
    discussion: """
      Works after the cluster's end, too. 'zweimaster logs store' prints the store's log.

      Example:  zweimaster logs kube-master1 scheduler-elector --follow
      """)

  @Argument(help: "The node, for example kube-master1; or 'store'.")
  var node: String

  @Argument(help: "The process.")
  var component: Component?

  @Flag(name: .shortAndLong, help: "Keep printing new lines until ctrl-C.")
  var follow = false

  @OptionGroup var state: StateOptions

  func validate() throws {
    guard (self.node == "store") == (self.component == nil) else {
      throw ValidationError(
        self.node == "store"
          ? "the store is one process: write 'zweimaster logs store'"
          : "name a process: 'zweimaster logs \(self.node) scheduler-elector', for example")
    }
  }

  func run() async throws {
    let directory = StateDirectory(self.state.directory)
    let path = directory.log(
      self.component.map { .component(node: self.node, $0) } ?? .store)
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      let nodes = try directory.readRecord()?.nodes.map(\.name) ?? []
      if !nodes.isEmpty, self.node != "store", !nodes.contains(self.node) {
        throw ClusterError.unknownNode(self.node, known: nodes)
      }
      throw ClusterError.file("read", path: path, reason: String(cString: strerror(errno)))
    }
    defer { close(file) }
    repeat {
      while let text = try readChunk(file, path) { Terminal.output.write(text) }
      if self.follow { try await Task.sleep(for: .milliseconds(200)) }
    } while self.follow
  }

  private func readChunk(_ file: Int32, _ path: String) throws -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = read(file, &buffer, buffer.count)
    guard count >= 0 else {
      throw ClusterError.file("read", path: path, reason: String(cString: strerror(errno)))
    }
    return count == 0 ? nil : Array(buffer.prefix(count))
  }
}

/// Prints problems to standard error, so that standard output stays a table.
private func printRemarks(_ status: ClusterStatus) {
  for remark in status.remarks {
    Terminal.errors.write("zweimaster: \(remark)\n")
  }
}
