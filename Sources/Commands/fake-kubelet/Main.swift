import ArgumentParser
import FakeKubelet
import Foundation
import GoFlags
import Klog
import Logging
import ServiceLifecycle
import UnixSignals

@main struct Main {
  /// Go's spelling of a command line is put into ours first.
  static func main() async {
    let arguments = GoCommandLine.normalized(
      Array(CommandLine.arguments.dropFirst()), switches: FakeKubeletCommand.switches)
    await FakeKubeletCommand.main(arguments)
  }
}

/// The flags of the 1.1 kubelet that the recipe uses, and those that a machine with several
/// kubelets needs.
struct FakeKubeletCommand: AsyncParsableCommand {
  static let switches: Set<String> = ["register-node", "allow-privileged", "logtostderr"]

  static let configuration = CommandConfiguration(
    commandName: "fake-kubelet",
    abstract: "Pretends to run the static pods of a directory, as a kubelet would.",
    discussion: """
      Watches the directory and takes the pods of its manifests (YAML or JSON) through Pending, \
      Running and termination. Serves /pods and /healthz on both ports, /runningpods/ on --port.

      Flags may be spelled with hyphens or underscores. Once both ports listen, two lines on \
      standard output name them:
        fake-kubelet: read-only port http://127.0.0.1:10255
        fake-kubelet: port http://127.0.0.1:10250

      Example:
        fake-kubelet --config=/etc/kubernetes/manifests --hostname-override=master1
        curl http://127.0.0.1:10255/pods

      What a pod pretends is told by annotations in its manifest, for all of its containers, or for \
      one if its name follows (stop-after.NAME):
        pretend.zweimaster.dev/start-after: 500ms    from the order to start until it runs
        pretend.zweimaster.dev/exit-after: 1m        it runs so long (init containers: 0s)
        pretend.zweimaster.dev/exit-code: "1"        and ends with this
        pretend.zweimaster.dev/pre-stop-after: 1s    its preStop hook takes so long
        pretend.zweimaster.dev/stop-after: 3s        from SIGTERM until it has ended
      """)

  @Option(
    name: [.customLong("config"), .customLong("pod-manifest-path")],
    help: "The directory of manifests; it need not exist yet.")
  var config: String

  @Option(help: "The node's name; pods are named NAME-NODE. (default: the host's name)")
  var hostnameOverride: String?

  @Option(help: "How often the directory is looked at when nothing is reported.")
  var fileCheckFrequency = GoDuration(.seconds(20))

  @Option(help: "The port of /pods and /healthz; 0 for any that is free.")
  var readOnlyPort = 10255

  @Option(help: "The port of these and /runningpods/; 0 for any that is free.")
  var port = 10250

  @Option(
    help: """
      The address of both ports. (The real kubelet's default is 0.0.0.0; this one asks nobody \
      for credentials.)
      """)
  var address = "127.0.0.1"

  @Option(help: "Whether containers may ask for privileged mode.")
  var allowPrivileged: GoBool = false

  @Option(help: "Accepted; no API server is contacted, so there are no mirror pods.")
  var apiServers: String?

  @Option(help: "Accepted; no API server is contacted, so no node is registered.")
  var registerNode: GoBool = true

  @Option(
    name: [.customLong("v"), .customShort("v")],
    help: "How much is logged: 0, 2 for each step, 4 for everything.")
  var verbosity = 0

  @Option(help: "Must be true: the log goes to standard error.")
  var logtostderr: GoBool = true

  func validate() throws {
    if let problem = FakeKubeletConfiguration.nodeNameProblem(self.nodeName) {
      throw ValidationError("--hostname-override: \"\(self.nodeName)\": \(problem)")
    }
    if self.config.isEmpty { throw ValidationError("--config must name a directory") }
    if self.fileCheckFrequency.duration <= .zero {
      throw ValidationError("--file-check-frequency must be more than zero, such as 20s")
    }
    for (flag, port) in [("--read-only-port", self.readOnlyPort), ("--port", self.port)]
    where !(0...65535).contains(port) {
      throw ValidationError("\(flag): \(port) is no port: it must be between 0 and 65535")
    }
    if !self.logtostderr.isTrue {
      throw ValidationError(
        "--logtostderr=false is not supported: the log goes to standard error; redirect it with 2>")
    }
  }

  /// As the real one, without blanks and in lower case.
  private var nodeName: String {
    let name = self.hostnameOverride ?? ProcessInfo.processInfo.hostName
    return name.trimmingCharacters(in: .whitespaces).lowercased()
  }

  func run() async throws {
    KlogHandler.bootstrap(logLevel: KlogHandler.level(verbosity: self.verbosity))
    let logger = Logger(label: "fake-kubelet")
    logger.info(
      "No API server is contacted: no mirror pods are posted, no node is registered",
      metadata: [
        "apiServers": "\(self.apiServers ?? "")", "registerNode": "\(self.registerNode.isTrue)",
      ])
    var configuration = FakeKubeletConfiguration(
      manifestDirectory: self.config, nodeName: self.nodeName)
    configuration.fileCheckFrequency = self.fileCheckFrequency.duration
    configuration.allowsPrivileged = self.allowPrivileged.isTrue
    configuration.address = self.address
    configuration.readOnlyPort = self.readOnlyPort
    configuration.port = self.port
    let kubelet = FakeKubelet(configuration: configuration, logger: logger) { addresses in
      let lines = """
        fake-kubelet: read-only port \(addresses.readOnly)
        fake-kubelet: port \(addresses.main)

        """
      // Unlike `print`, this does not wait in a buffer when standard output is a pipe.
      try? FileHandle.standardOutput.write(contentsOf: Data(lines.utf8))
    }
    let services = ServiceGroup(
      services: [kubelet], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    do {
      try await services.run()
    } catch let error as FakeKubeletError {
      logger.error("\(error)")
      throw ExitCode.failure
    }
  }
}
