import ArgumentParser
import Glibc
import TestCluster

struct Exec: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a command, or a shell, on a machine of the recipe's room.",
    discussion: """
      The command has the machine's network, disk and processes; kubectl uses the machine's own API server. It \
      runs without a shell. Needs root.

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
    // The working directory becomes the root of the machine's mounts; --wd would name a directory of the box.
    let words =
      ["nsenter", "--target=\(first)", "--net", "--mount", "--uts", "--ipc", "--pid", "--"]
      + command
    var arguments = words.map { strdup($0) } + [nil]
    execvp("nsenter", &arguments)
    throw ClusterError.control(
      "cannot run nsenter: \(String(cString: strerror(errno))) (package util-linux)")
  }
}
