import ContainerShim
import Glibc
import KubernetesObjects
import NIOCore
import NIOPosix
import Subprocess
import Synchronization
import SystemPackage

/// Containers as real processes on this machine, each in namespaces of its own for processes, mounts and
/// host name, put together by bubblewrap; the network is this machine's.
///
/// Each container has a ``ContainerShim`` beside it. What is written: the containers' state and volumes below
/// ``Configuration/rootDirectory``, and what hostPath volumes ask for.
public final class ProcessRuntime: ContainerRuntime {
  public struct Configuration: Sendable {
    /// Where state, logs and volumes are; made when it is missing. For one kubelet alone.
    public var rootDirectory: String
    public var images = ImageMap()
    /// Where probes and hooks find the containers unless they say otherwise, and what `status.podIP` is.
    public var nodeAddress = "127.0.0.1"
    /// Whether containers go on when the kubelet ends; the next kubelet on this directory takes them up.
    public var leavesPodsRunning = false
    /// An executable that is a shim when its arguments say so, as `fake-kubelet` is.
    public var shim: String
    public var bubblewrap = "/usr/bin/bwrap"

    public init(rootDirectory: String, shim: String) {
      self.rootDirectory = rootDirectory
      self.shim = shim
    }

    /// Where containers' logs are.
    public var podLogsDirectory: String { "\(self.rootDirectory)/pod-logs" }
  }

  public let name = "process"
  private let configuration: Configuration
  private let requests: ContainerRequests
  /// The first process of each container that runs, by its serial number.
  private let processes = Mutex<[UInt64: pid_t]>([:])
  private let lock: Int32

  /// - Throws: ``ProcessRuntimeError``
  public init(_ configuration: Configuration) throws(ProcessRuntimeError) {
    self.configuration = configuration
    guard let path = realpath(configuration.bubblewrap, nil) else {
      throw ProcessRuntimeError.noBubblewrap(configuration.bubblewrap)
    }
    free(path)
    let root = configuration.rootDirectory
    // The longest path below it is that of a socket, which has 108 bytes at most.
    guard root.hasPrefix("/"), root.utf8.count <= 60 else {
      throw ProcessRuntimeError.root(root, "it must be an absolute path of no more than 60 bytes")
    }
    do {
      for name in ["containers", "pods", "pod-logs"] {
        try HostFiles.makeDirectory("\(root)/\(name)")
      }
    } catch {
      throw ProcessRuntimeError.root(root, error.message)
    }
    self.lock = open("\(root)/lock", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard self.lock >= 0, flock(self.lock, LOCK_EX | LOCK_NB) == 0 else {
      let reason =
        errno == EWOULDBLOCK ? "another kubelet uses it" : String(cString: strerror(errno))
      if self.lock >= 0 { close(self.lock) }
      throw ProcessRuntimeError.root(root, reason)
    }
    self.requests = ContainerRequests(nodeAddress: configuration.nodeAddress)
  }

  deinit { close(self.lock) }

  // MARK: - Containers

  public func run(
    _ container: ContainerID, of pod: PodManifest, signals: AsyncStream<ContainerSignal>,
    onStart: @Sendable () -> Void
  ) async -> ContainerEnd {
    let directory = self.directory(
      uid: pod.uid, container: container.container, attempt: container.attempt)
    defer { self.processes.withLock { _ = $0.removeValue(forKey: container.serial) } }
    do {
      // A container of a former kubelet that goes on is taken up as it is.
      if !(await BlockingWork.run { HostFiles.isDirectory(directory) }) {
        try await self.launch(container, of: pod, in: directory)
      }
      let end = try await self.attend(directory, signals: signals) { process in
        self.processes.withLock { $0[container.serial] = process }
        onStart()
      }
      await Self.clear(directory)
      return end
    } catch let failure as StartFailure {
      await Self.clear(directory)
      return .notStarted(failure)
    } catch {
      if Task.isCancelled { return .exited(code: 137) }
      await Self.clear(directory)
      return .notStarted(.run("\(error)"))
    }
  }

  private func launch(
    _ container: ContainerID, of pod: PodManifest, in directory: String
  ) async throws {
    let command = try await BlockingWork.run { () throws(StartFailure) in
      try self.command(for: container, of: pod)
    }
    let log = self.logFile(of: container, pod: pod)
    try await BlockingWork.run { () throws(StartFailure) in
      try HostFiles.makeDirectory(directory)
      try HostFiles.makeDirectory(String(log[..<(log.lastIndex(of: "/") ?? log.endIndex)]))
      let what = [pod.uid, container.container, "\(container.attempt)", pod.source.rawValue]
      Self.write(what.map { $0 + "\n" }.joined(), "\(directory)/what")
    }
    let policy: ShimPolicy =
      self.configuration.leavesPodsRunning ? .outlivesKubelet : .endsWithKubelet
    let launcher = try await Subprocess.run(
      .path(FilePath(self.configuration.shim)),
      arguments: Arguments(
        ContainerShim.arguments(
          directory: directory, log: log, policy: policy,
          bubblewrap: self.configuration.bubblewrap, command.arguments)),
      output: .discarded, error: .string(limit: 4096))
    guard launcher.terminationStatus == .exited(0) else {
      throw StartFailure.run(
        "\(self.configuration.shim) \(ContainerShim.command): \(launcher.standardError)")
    }
  }

  private func logFile(of container: ContainerID, pod: PodManifest) -> String {
    let file = ContainerLogFile(
      pod: pod.name, uid: pod.uid, container: container.container, attempt: container.attempt)
    return "\(self.configuration.podLogsDirectory)/\(file.path)"
  }

  private func directory(uid: String, container: String, attempt: Int) -> String {
    let id = PodUID.digest("\(uid)/\(container)/\(attempt)")
    return "\(self.configuration.rootDirectory)/containers/\(id)"
  }

  /// What the manifest asks for, with its volumes made. Blocks.
  private func command(
    for id: ContainerID, of pod: PodManifest
  ) throws(StartFailure) -> ContainerCommand {
    guard let container = pod.spec(ofContainer: id.container) else {
      throw .configuration("the manifest has no container \(id.container)")
    }
    let hostname =
      pod.spec["hostNetwork"]?.boolean == true
      ? pod.spec["nodeName"]?.string ?? "" : pod.spec["hostname"]?.string ?? pod.name.name
    var environment = ContainerEnvironment(hostname: hostname)
    if let problem = environment.take(
      container, of: pod, nodeAddress: self.configuration.nodeAddress)
    {
      throw .configuration("container \(id.container): \(problem)")
    }
    let scratch = "\(self.configuration.rootDirectory)/pods/\(pod.uid)/volumes"
    var mounts: [ContainerCommand.Mount] = []
    for mount in container["volumeMounts"]?.elements ?? [] {
      guard
        let volume = pod.spec["volumes"]?.elements.first(where: { $0["name"] == mount["name"] })
      else { continue }
      var source = try HostFiles.source(of: volume, scratch: scratch)
      let subPath =
        mount["subPath"]?.string ?? environment.expand(mount["subPathExpr"]?.string ?? "")
      if !subPath.isEmpty {
        guard !subPath.hasPrefix("/"), !subPath.split(separator: "/").contains("..") else {
          throw .configuration("container \(id.container): subPath \"\(subPath)\" leads out of it")
        }
        source += "/\(subPath)"
        if !HostFiles.exists(source) { try HostFiles.makeDirectory(source) }
      }
      mounts.append(
        ContainerCommand.Mount(
          source: source, target: Self.normal(mount["mountPath"]?.string ?? "/"),
          isReadOnly: mount["readOnly"]?.boolean == true))
    }
    var words = (container["command"]?.elements ?? []).compactMap(\.string)
    let arguments = (container["args"]?.elements ?? []).compactMap(\.string)
    let image = container["image"]?.string ?? ""
    var imageRoot = ""
    switch self.configuration.images.root(of: image, isDirectory: HostFiles.isDirectory) {
    case .host: break
    case .directory(let path): imageRoot = path
    case .binary(let path, let place):
      guard HostFiles.exists(path) else {
        throw .configuration("image \(image): \(path), which it is mapped to, is not there")
      }
      mounts.append(ContainerCommand.Mount(source: path, target: place, isReadOnly: true))
      if words.isEmpty { words = [place] }
    }
    words = (words + arguments).map { environment.expand($0) }
    guard !words.isEmpty else {
      throw .configuration(
        "container \(id.container): no command is given, and image \(image) is mapped to no binary")
    }
    return ContainerCommand(
      imageRoot: imageRoot,
      tree: HostFiles.tree(of: imageRoot, leadingTo: mounts.map(\.target)), mounts: mounts,
      hostname: hostname, environment: environment,
      workingDirectory: container["workingDir"]?.string ?? "/", words: words)
  }

  /// An absolute path without empty parts.
  private static func normal(_ path: String) -> String {
    "/" + path.split(separator: "/").joined(separator: "/")
  }

  /// Passes signals on to a container and waits for its end.
  private func attend(
    _ directory: String, signals: AsyncStream<ContainerSignal>,
    onStart: (pid_t) -> Void
  ) async throws -> ContainerEnd {
    guard let channel = try await self.connect(to: directory) else {
      return Self.end(ShimReport(line: self.lastWords(in: directory) ?? ""))
    }
    var last: ShimReport?
    try await channel.executeThenClose { inbound, outbound in
      try await withThrowingTaskGroup(of: Void.self) { group in
        defer { group.cancelAll() }
        group.addTask {
          for await signal in signals {
            let order: ShimOrder = signal == .kill ? .kill : .terminate
            try await outbound.write(ByteBuffer(string: order.line))
          }
        }
        var pending = ByteBuffer()
        for try await var bytes in inbound {
          pending.writeBuffer(&bytes)
          while let line = Self.line(from: &pending) {
            guard let report = ShimReport(line: line) else { continue }
            last = report
            if case .started(let process) = report { onStart(process) }
          }
        }
      }
    }
    try Task.checkCancellation()
    if case .started = last { last = ShimReport(line: self.lastWords(in: directory) ?? "") }
    return Self.end(last)
  }

  /// Removes a container's directory, and what may be left of a container whose shim was killed.
  private static func clear(_ directory: String) async {
    await BlockingWork.run {
      if !HostFiles.exists("\(directory)/\(ContainerShim.endFile)"),
        let session = HostFiles.text("\(directory)/\(ContainerShim.sessionFile)")
      {
        ContainerShim.killRest(
          session: session, among: HostFiles.names(in: "/proc").compactMap { pid_t($0) })
      }
      HostFiles.remove(directory)
    }
  }

  private static func end(_ report: ShimReport?) -> ContainerEnd {
    switch report {
    case .exited(let code): .exited(code: code)
    case .failed(let reason): .notStarted(.run(reason))
    // The shim was killed, and bubblewrap and the container by it.
    case .started, nil: .exited(code: 137)
    }
  }

  private func lastWords(in directory: String) -> String? {
    HostFiles.text("\(directory)/\(ContainerShim.endFile)")?.split(separator: "\n").first
      .map(String.init)
  }

  private static func line(from buffer: inout ByteBuffer) -> String? {
    guard let end = buffer.readableBytesView.firstIndex(of: UInt8(ascii: "\n")),
      let line = buffer.readString(length: end - buffer.readerIndex)
    else { return nil }
    buffer.moveReaderIndex(forwardBy: 1)
    return line
  }

  /// `nil` when the shim has ended.
  private func connect(
    to directory: String
  ) async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer>? {
    let path = ContainerShim.socket(in: directory)
    let deadline = ContinuousClock.now + .seconds(10)
    while true {
      do {
        return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
          .connect(unixDomainSocketPath: path) { channel in
            channel.eventLoop.makeCompletedFuture {
              try NIOAsyncChannel(wrappingChannelSynchronously: channel)
            }
          }
      } catch {
        try Task.checkCancellation()
        if self.lastWords(in: directory) != nil { return nil }
        guard ContinuousClock.now < deadline else {
          let said = HostFiles.text("\(directory)/shim.log") ?? ""
          throw StartFailure.run("the container's shim does not answer at \(path): \(said)")
        }
        try await Task.sleep(for: .milliseconds(5))
      }
    }
  }

  // MARK: - Containers of a former kubelet

  /// Finds what a former kubelet on this directory has left. Unless containers outlive their kubelet, all of
  /// it is ended first.
  public func survivors() async -> [SurvivingContainer] {
    let base = "\(self.configuration.rootDirectory)/containers"
    var survivors: [SurvivingContainer] = []
    for name in await BlockingWork.run({ HostFiles.names(in: base) }) {
      let directory = "\(base)/\(name)"
      let what = (HostFiles.text("\(directory)/what") ?? "").split(separator: "\n").map(String.init)
      let isAlive = await self.isAlive(directory)
      guard what.count >= 3, let attempt = Int(what[2]), self.configuration.leavesPodsRunning else {
        if isAlive { await self.kill(directory, grace: .zero) }
        await Self.clear(directory)
        continue
      }
      survivors.append(
        SurvivingContainer(
          uid: what[0], container: what[1], attempt: attempt, isRunning: isAlive,
          source: what.dropFirst(3).first.flatMap { .init(rawValue: $0) } ?? .file))
      if !isAlive { await Self.clear(directory) }
    }
    let uids = Set(survivors.map(\.uid))
    let pods = "\(self.configuration.rootDirectory)/pods"
    await BlockingWork.run {
      for uid in HostFiles.names(in: pods) where !uids.contains(uid) {
        HostFiles.remove("\(pods)/\(uid)")
      }
    }
    return survivors
  }

  public func end(_ survivor: SurvivingContainer) async {
    let directory = self.directory(
      uid: survivor.uid, container: survivor.container, attempt: survivor.attempt)
    // Source: `pkg/kubelet/kubelet.go` SyncTerminatingRuntimePod: one second for orphans.
    await self.kill(directory, grace: .seconds(1))
    await Self.clear(directory)
    await self.podEnded(uid: survivor.uid)
  }

  public func podEnded(uid: String) async {
    let directory = "\(self.configuration.rootDirectory)/pods/\(uid)"
    await BlockingWork.run { HostFiles.remove(directory) }
  }

  private func isAlive(_ directory: String) async -> Bool {
    if self.lastWords(in: directory) != nil { return false }
    let path = ContainerShim.socket(in: directory)
    guard
      let channel = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connect(unixDomainSocketPath: path).get()
    else { return false }
    try? await channel.close()
    return true
  }

  /// Ends a container that nobody attends to, and waits until it has ended.
  private func kill(_ directory: String, grace: Duration) async {
    let (signals, order) = AsyncStream.makeStream(of: ContainerSignal.self)
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        _ = try? await self.attend(directory, signals: signals) { _ in }
      }
      group.addTask {
        if grace > .zero {
          order.yield(.terminate)
          guard (try? await Task.sleep(for: grace)) != nil else { return }
        }
        order.yield(.kill)
      }
      await group.next()
      await group.next()
    }
  }

  /// Waits until no container is left that ends with its kubelet; called when all runs have been cancelled.
  public func shutDown() async {
    await self.requests.shutDown()
    guard !self.configuration.leavesPodsRunning else { return }
    let base = "\(self.configuration.rootDirectory)/containers"
    await BlockingWork.run {
      // Each shim has lost its kubelet and kills; its last words tell that it has done so.
      for _ in 0..<1000 {
        let open = HostFiles.names(in: base).filter {
          !HostFiles.exists("\(base)/\($0)/\(ContainerShim.endFile)")
            && HostFiles.exists(ContainerShim.socket(in: "\(base)/\($0)"))
        }
        if open.isEmpty { break }
        usleep(10_000)
      }
    }
    for name in await BlockingWork.run({ HostFiles.names(in: base) }) {
      await Self.clear("\(base)/\(name)")
    }
    await BlockingWork.run {
      HostFiles.remove("\(self.configuration.rootDirectory)/pods")
    }
  }

  // MARK: - Hooks, probes, figures

  public func runHook(
    _ kind: HookKind, _ action: ContainerAction, in container: ContainerID, of pod: PodManifest
  ) async -> String? {
    switch await self.carryOut(action, in: container, of: pod, timeout: nil) {
    case .success: nil
    case .failure(let reason), .error(let reason): reason
    }
  }

  public func probe(
    _ kind: Probe.Kind, _ probe: Probe, of container: ContainerID, of pod: PodManifest,
    runningFor: Duration
  ) async -> ProbeResult {
    switch probe.check {
    case .action(let action):
      return await self.carryOut(action, in: container, of: pod, timeout: probe.timeout)
    case .grpc: return .error("gRPC probes are not carried out on this node")
    }
  }

  private func carryOut(
    _ action: ContainerAction, in container: ContainerID, of pod: PodManifest, timeout: Duration?
  ) async -> ProbeResult {
    switch action {
    case .httpGet(let request): await self.requests.get(request, timeout: timeout ?? .seconds(30))
    case .tcpSocket(let host, let port):
      await self.requests.connect(host: host, port: port, timeout: timeout ?? .seconds(30))
    case .exec(let words): await self.execute(words, in: container, of: pod, timeout: timeout)
    }
  }

  private func execute(
    _ words: [String], in container: ContainerID, of pod: PodManifest, timeout: Duration?
  ) async -> ProbeResult {
    guard let process = self.processes.withLock({ $0[container.serial] }) else {
      return .error("container \(container.container) does not run")
    }
    var environment = ContainerEnvironment(hostname: pod.name.name)
    if let spec = pod.spec(ofContainer: container.container) {
      _ = environment.take(spec, of: pod, nodeAddress: self.configuration.nodeAddress)
    }
    var options = PlatformOptions()
    options.createSession = true
    options.teardownSequence = [
      .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .zero)
    ]
    let variables = environment.variables
    let settings = options
    return await withTaskGroup(of: ProbeResult.self) { group in
      defer { group.cancelAll() }
      group.addTask {
        do {
          let result = try await Subprocess.run(
            .path("/usr/bin/nsenter"),
            arguments: Arguments(
              ["-t", "\(process)", "-m", "-p", "-u", "-r", "-w", "--"] + words),
            environment: .custom(
              Dictionary(
                uniqueKeysWithValues: variables.map {
                  (Environment.Key(stringLiteral: $0.name), $0.value)
                })),
            platformOptions: settings, output: .string(limit: 10 << 10), error: .combinedWithOutput)
          switch result.terminationStatus {
          case .exited(0): return .success
          default: return .failure(result.standardOutput)
          }
        } catch {
          return .error("exec: \(error)")
        }
      }
      if let timeout {
        group.addTask {
          try? await Task.sleep(for: timeout)
          return .failure("command \(words) timed out")
        }
      }
      return await group.next() ?? .error("cancelled")
    }
  }

  public func usage(of container: ContainerID) async -> ContainerUsage? {
    guard let process = self.processes.withLock({ $0[container.serial] }) else { return nil }
    return await BlockingWork.run { ContainerUsage(ofNamespaceOf: process) }
  }

  private static func write(_ text: String, _ path: String) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    _ = Array(text.utf8).withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
    close(file)
  }
}

/// Why there can be no ``ProcessRuntime``.
public enum ProcessRuntimeError: Error, Equatable, CustomStringConvertible {
  case noBubblewrap(String)
  case root(String, String)

  public var description: String {
    switch self {
    case .noBubblewrap(let path):
      "--container-runtime=process needs bubblewrap, and there is no \(path): apt-get install bubblewrap"
    case .root(let path, let reason): "--root-dir: \(path): \(reason)"
    }
  }
}
