import ArgumentParser
import CommandLine
import ContainerShim
import FakeKubelet
import Foundation
import HTTPEndpoint
import HTTPListening
import Logging
import UnixSignals

@main struct Main {
  /// Accepts Go's spelling of a command line.
  static func main() async {
    if let code = ContainerShim.run(CommandLine.arguments) { exit(code) }
    let arguments = GoCommandLine.normalized(
      Array(CommandLine.arguments.dropFirst()), switches: FakeKubeletCommand.switches)
    await FakeKubeletCommand.main(arguments)
  }
}

/// The choices of `--container-runtime`.
enum RuntimeKind: String, ExpressibleByArgument, CaseIterable {
  case pretend
  case process
}

/// The flags of the 1.1 kubelet that the recipe uses, and those for several kubelets on one machine.
struct FakeKubeletCommand: AsyncParsableCommand {
  static let switches = LogOptions.switches.union([
    "register-node", "allow-privileged", "leave-pods-running", "keep-orphans",
  ])

  static let configuration = CommandConfiguration(
    commandName: "fake-kubelet",
    abstract: "Runs the static pods of a directory, or pretends to, as a kubelet would.",
    discussion: """
      Watches the directory and takes the pods of its manifests (YAML or JSON) through Pending, Running and \
      termination. Containers are pretended or, with --container-runtime=process, run. Both ports serve /pods, \
      /healthz, /stats/summary, /metrics and /metrics/probes; --port also serves /runningpods/, \
      /containerLogs/NAMESPACE/POD/CONTAINER and /logs/.

      With --api-servers it creates mirror pods for static pods, posts status and events, runs the pods that \
      are bound to its node and deletes them with their grace period, and registers a node with a Lease, \
      unless --register-node=false. Static pods keep running while no server answers.

      Flags may be spelled with hyphens or underscores. When both ports listen, two lines on standard output \
      name them:
        fake-kubelet: read-only port http://127.0.0.1:10255
        fake-kubelet: port http://127.0.0.1:10250

      Example:
        fake-kubelet --config=/etc/kubernetes/manifests --hostname-override=master1
        curl http://127.0.0.1:10255/pods

      Annotations in the manifest set how its containers are pretended: all of them, or one with its name as \
      a suffix (stop-after.NAME):
        pretend.zweimaster.dev/start-after: 500ms    time from the start to running
        pretend.zweimaster.dev/exit-after: 1m        time from running to exit (init containers: 0s)
        pretend.zweimaster.dev/exit-code: "1"        exit code after that time
        pretend.zweimaster.dev/pre-stop-after: 1s    duration of the preStop hook
        pretend.zweimaster.dev/stop-after: 3s        time from SIGTERM to the end
        pretend.zweimaster.dev/ready-after: 5s       the readiness probe fails before this time
        pretend.zweimaster.dev/fail-readiness-at: 1m the readiness probe fails after this time
        pretend.zweimaster.dev/started-after: 5s     the startup probe fails before this time
        pretend.zweimaster.dev/fail-liveness-at: 1m  the liveness probe fails after this time
      """,
    version: Version.line(of: "fake-kubelet"))

  @Option(
    name: [.customLong("config"), .customLong("pod-manifest-path")],
    help: "Directory of manifests, which need not exist yet, or a single manifest.")
  var config: String

  @Option(help: "Name of the node; pods are named NAME-NODE. (default: the host's name)")
  var hostnameOverride: String?

  @Option(help: "Period of lists of the directory when inotify reports no change.")
  var fileCheckFrequency = GoDuration(.seconds(20))

  @Option(
    help: """
      How much later than others a pod is stopped that is removed within ten seconds of its start; the real \
      kubelet takes up to 3.7s.
      """)
  var youngPodDelay = GoDuration(.zero)

  @Option(
    help: ArgumentHelp(
      """
      Release of the real kubelet, 1.1 to 1.36, to imitate in reading the directory, defects included, in the \
      fields and rules of pods, and in their uids. (default: no defects, the rules of 1.32, and the uids of 1.26)
      """, valueName: "1.x"))
  var kubeletVersion: String?

  @Option(help: "Port without sensitive endpoints; 0 for any free port.")
  var readOnlyPort = 10255

  @Option(help: "Port with all endpoints; 0 for any free port.")
  var port = 10250

  @Option(
    help: """
      Address of both ports. (The real kubelet's default is 0.0.0.0; this one has no authentication \
      without --client-ca-file.)
      """)
  var address = "127.0.0.1"

  @OptionGroup var tls: ServerTLSOptions

  @Option(help: "Directory that /logs/ serves.")
  var logDir = "/var/log"

  @Option(
    help: """
      Whether containers may be privileged. (default: true; false with --kubelet-version before 1.15)
      """)
  var allowPrivileged: GoBool?

  @Option(
    help: """
      How containers run: pretend (as the annotations say) or process (their commands, as root, in \
      namespaces by bubblewrap).
      """)
  var containerRuntime = RuntimeKind.pretend

  @Option(
    help: """
      With the pretend runtime: a YAML file with the pods' names, each with annotations as above without \
      their prefix. It overrides the manifests' annotations.
      """)
  var pretendScript: String?

  @Option(
    help: """
      With the process runtime: directory of the containers' state, logs and volumes. Only one kubelet \
      may use it.
      """)
  var rootDir = "/var/lib/fake-kubelet"

  @Option(
    help: ArgumentHelp(
      """
      With the process runtime: what an image is on this machine: a directory with its root, or a binary, \
      which appears in / under the image's name. May be given several times. (default: this machine's own \
      root, read-only)
      """, valueName: "image=path"))
  var imageMap: [String] = []

  @Option(help: "With the process runtime: whether containers keep running when the kubelet ends.")
  var leavePodsRunning: GoBool = false

  @Option(
    help: """
      Address of the node and of its pods: for probes whose manifest names no host, and at the API server.
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
      throw ValidationError("--pretend-script: cannot read \(path)")
    }
    do {
      return try PretendScript(decoding: Array(data), path: path)
    } catch {
      throw ValidationError("--pretend-script: \(error)")
    }
  }

  /// Without blanks and in lower case, as in the real kubelet.
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
    configuration.youngPodDelay = self.youngPodDelay.duration
    configuration.address = self.address
    configuration.readOnlyPort = self.readOnlyPort
    configuration.port = self.port
    let version = self.kubeletVersion.flatMap { KubeletVersion($0) }
    configuration.kubeletVersion = version
    configuration.allowsPrivileged =
      self.allowPrivileged?.isTrue ?? version?.allowsPrivilegedByDefault ?? true
    configuration.logsDirectory = self.logDir
    configuration.nodeAddress = self.nodeIp
    do {
      configuration.apiServers = try self.apiServerOptions.settings()
    } catch let error as ClientTLSError {
      logger.error("\(error)")
      throw ExitCode.failure
    }
    configuration.tls = self.tls.tls
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
      // Unlike `print`, this does not stay in a buffer when standard output is a pipe.
      try? FileHandle.standardOutput.write(contentsOf: Data(lines.utf8))
    }
    do {
      try await Self.run(kubelet)
    } catch let error where error is FakeKubeletError || error is ServerTLSError {
      logger.error("\(error)")
      throw ExitCode.failure
    }
  }

  /// SIGTERM and SIGINT end the pods in order; a second one ends them at once.
  private static func run(_ kubelet: FakeKubelet) async throws {
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await kubelet.run() }
      group.addTask {
        var count = 0
        for await _ in signals {
          count += 1
          if count > 1 { return }
          kubelet.stop()
        }
      }
      try await group.next()
      group.cancelAll()
    }
  }
}
