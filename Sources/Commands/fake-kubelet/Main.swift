import ArgumentParser
import CommandLine
import ContainerShim
import FakeKubelet
import Foundation
import HTTPEndpoint
import HTTPListening
import Logging
import ServiceLifecycle
import UnixSignals

@main struct Main {
  /// Go's spelling of a command line is put into ours first.
  static func main() async {
    if let code = ContainerShim.run(CommandLine.arguments) { exit(code) }
    let arguments = GoCommandLine.normalized(
      Array(CommandLine.arguments.dropFirst()), switches: FakeKubeletCommand.switches)
    await FakeKubeletCommand.main(arguments)
  }
}

/// What runs the containers.
enum RuntimeKind: String, ExpressibleByArgument, CaseIterable {
  case pretend
  case process
}

/// The flags of the 1.1 kubelet that the recipe uses, and those that a machine with several
/// kubelets needs.
struct FakeKubeletCommand: AsyncParsableCommand {
  static let switches = LogOptions.switches.union([
    "register-node", "allow-privileged", "leave-pods-running",
  ])

  static let configuration = CommandConfiguration(
    commandName: "fake-kubelet",
    abstract: "Runs, or pretends to run, the static pods of a directory, as a kubelet would.",
    discussion: """
      Watches the directory and takes the pods of its manifests (YAML or JSON) through Pending, \
      Running and termination, their containers pretended or, with --container-runtime=process, run. Serves \
      /pods, /healthz, /stats/summary, /metrics and /metrics/probes on both ports; /runningpods/, \
      /containerLogs/NAMESPACE/POD/CONTAINER and /logs/ on --port.

      With --api-servers it shows static pods there as mirror pods, with their status and events, runs the \
      pods that are bound to its node (stopped and deleted with their grace), and is a node with a Lease, \
      unless --register-node=false. While no server answers, static pods go on as without one.

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
        pretend.zweimaster.dev/ready-after: 5s       its readiness probe fails before
        pretend.zweimaster.dev/fail-readiness-at: 1m and from here on
        pretend.zweimaster.dev/started-after: 5s     its startup probe fails before
        pretend.zweimaster.dev/fail-liveness-at: 1m  its liveness probe fails from here on
      """,
    version: Version.line(of: "fake-kubelet"))

  @Option(
    name: [.customLong("config"), .customLong("pod-manifest-path")],
    help: "The directory of manifests; it need not exist yet.")
  var config: String

  @Option(help: "The node's name; pods are named NAME-NODE. (default: the host's name)")
  var hostnameOverride: String?

  @Option(help: "How often the directory is looked at when nothing is reported.")
  var fileCheckFrequency = GoDuration(.seconds(20))

  @Option(
    help: ArgumentHelp(
      """
      Read the directory as this release of the real kubelet does, defects included, and give pods its uids: \
      1.1 to 1.36. (default: sanely, with the uids of 1.26)
      """, valueName: "1.x"))
  var kubeletVersion: String?

  @Option(help: "The port of what everybody may see; 0 for any that is free.")
  var readOnlyPort = 10255

  @Option(help: "The port of everything; 0 for any that is free.")
  var port = 10250

  @Option(
    help: """
      The address of both ports. (The real kubelet's default is 0.0.0.0; this one asks nobody \
      for credentials.)
      """)
  var address = "127.0.0.1"

  @Option(help: "The certificate of --port, PEM; it speaks HTTPS then.")
  var tlsCertFile: String?

  @Option(help: "The certificate's key, PEM.")
  var tlsPrivateKeyFile: String?

  @Option(help: "Who may sign the certificates that clients of --port need then, PEM.")
  var clientCaFile: String?

  @Option(help: "The directory that /logs/ shows.")
  var logDir = "/var/log"

  @Option(help: "Whether containers may ask for privileged mode.")
  var allowPrivileged: GoBool = false

  @Option(
    help: """
      What runs the containers: pretend (as the annotations say), or process (their commands, in \
      namespaces of their own by bubblewrap, as root).
      """)
  var containerRuntime = RuntimeKind.pretend

  @Option(
    help: """
      With the pretend runtime: a YAML file of pods' names, each with the annotations below without \
      their prefix; it counts more than these.
      """)
  var pretendScript: String?

  @Option(
    help: """
      Where the process runtime keeps containers' state, logs and volumes; for one kubelet alone.
      """)
  var rootDir = "/var/lib/fake-kubelet"

  @Option(
    help: ArgumentHelp(
      """
      With the process runtime: what an image is on this machine, a directory that holds its root, or \
      a binary, which appears in / under the image's name. May be given several times. (default: \
      this machine's own root, read-only)
      """, valueName: "image=path"))
  var imageMap: [String] = []

  @Option(help: "With the process runtime: let containers go on when the kubelet ends.")
  var leavePodsRunning: GoBool = false

  @Option(
    help: """
      Where probes find containers, unless their manifest names a host; the address of the node and of \
      its pods at the API server.
      """)
  var nodeIp = "127.0.0.1"

  @OptionGroup var apiServerOptions: APIServerOptions

  @OptionGroup var log: LogOptions

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
    if let version = self.kubeletVersion, KubeletVersion(version) == nil {
      throw ValidationError(
        "--kubelet-version: \"\(version)\": it must be between 1.1 and 1.36, such as 1.26")
    }
    if (self.tlsCertFile == nil) != (self.tlsPrivateKeyFile == nil) {
      throw ValidationError("--tls-cert-file and --tls-private-key-file need each other")
    }
    if self.clientCaFile != nil, self.tlsCertFile == nil {
      throw ValidationError("--client-ca-file needs --tls-cert-file")
    }
    for entry in self.imageMap where ImageMap.entry(entry) == nil {
      throw ValidationError(
        "--image-map: \"\(entry)\": it must be IMAGE=PATH with an absolute path")
    }
    if self.containerRuntime == .process, self.pretendScript != nil {
      throw ValidationError("--pretend-script needs --container-runtime=pretend")
    }
    if self.containerRuntime == .pretend {
      let given = [
        self.imageMap.isEmpty ? nil : "--image-map",
        self.leavePodsRunning.isTrue ? "--leave-pods-running" : nil,
      ].compactMap(\.self)
      if let flag = given.first {
        throw ValidationError("\(flag) needs --container-runtime=process")
      }
    }
  }

  private func script() throws -> PretendScript? {
    guard let path = self.pretendScript else { return nil }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ValidationError("--pretend-script: \(path): it cannot be read")
    }
    do {
      return try PretendScript(decoding: Array(data), path: path)
    } catch {
      throw ValidationError("--pretend-script: \(error)")
    }
  }

  /// As the real one, without blanks and in lower case.
  private var nodeName: String {
    let name = self.hostnameOverride ?? ProcessInfo.processInfo.hostName
    return name.trimmingCharacters(in: .whitespaces).lowercased()
  }

  func run() async throws {
    self.log.bootstrap()
    let logger = Logger(label: "fake-kubelet")
    self.apiServerOptions.log(to: logger)
    var configuration = FakeKubeletConfiguration(
      manifestDirectory: self.config, nodeName: self.nodeName)
    configuration.fileCheckFrequency = self.fileCheckFrequency.duration
    configuration.allowsPrivileged = self.allowPrivileged.isTrue
    configuration.address = self.address
    configuration.readOnlyPort = self.readOnlyPort
    configuration.port = self.port
    configuration.kubeletVersion = self.kubeletVersion.flatMap { KubeletVersion($0) }
    configuration.logsDirectory = self.logDir
    configuration.nodeAddress = self.nodeIp
    do {
      configuration.apiServers = try self.apiServerOptions.settings()
    } catch let error as ClientTLSError {
      logger.error("\(error)")
      throw ExitCode.failure
    }
    if let certificate = self.tlsCertFile, let key = self.tlsPrivateKeyFile {
      configuration.tls = ServerTLS(
        certificateFile: certificate, keyFile: key, clientAuthorityFile: self.clientCaFile)
    }
    let runtime: any ContainerRuntime
    switch self.containerRuntime {
    case .pretend: runtime = PretendRuntime(script: try self.script())
    case .process:
      var settings = ProcessRuntime.Configuration(
        rootDirectory: self.rootDir, shim: "/proc/self/exe")
      settings.nodeAddress = self.nodeIp
      settings.leavesPodsRunning = self.leavePodsRunning.isTrue
      for (image, path) in self.imageMap.compactMap(ImageMap.entry) {
        settings.images.add(image, path: path)
      }
      configuration.podLogsDirectory = settings.podLogsDirectory
      do throws(ProcessRuntimeError) {
        runtime = try ProcessRuntime(settings)
      } catch {
        logger.error("\(error)")
        throw ExitCode.failure
      }
    }
    let kubelet = FakeKubelet(configuration: configuration, runtime: runtime, logger: logger) {
      addresses in
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
    } catch let error where error is FakeKubeletError || error is ServerTLSError {
      logger.error("\(error)")
      throw ExitCode.failure
    }
  }
}
