import ArgumentParser
import Glibc
import TestCluster

struct Exec: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a command, or a shell, on a machine of the recipe's room.",
    discussion: """
      In the machine's own network, on its disk, among its processes, with kubectl pointed at its own API server. \
      The command is run as it is, without a shell. Takes root.

      Example:  zweimaster exec kube-master1
                zweimaster exec kube-master1 -- service kubelet status
      """)

  @Argument(help: "The machine, for example kube-master1.")
  var node: String

  @Argument(parsing: .postTerminator, help: "The command. (default: a shell)")
  var command: [String] = []

  @OptionGroup var state: StateOptions

  func run() async throws {
    let first = try await ControlClient.with(self.state.directory) {
      try await $0.firstProcess(of: self.node)
    }
    setenv("KUBECONFIG", "/etc/kubernetes/kubectl.conf", 1)
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1)
    let command = self.command.isEmpty ? ["/bin/bash"] : self.command
    // The working directory is the machine's root, which comes with its mounts; --wd would name one of the box's.
    let words =
      ["nsenter", "--target=\(first)", "--net", "--mount", "--uts", "--ipc", "--pid", "--"]
      + command
    var arguments = words.map { strdup($0) } + [nil]
    execvp("nsenter", &arguments)
    throw ClusterError.control(
      "nsenter cannot be run: \(String(cString: strerror(errno))) (package util-linux)")
  }
}
