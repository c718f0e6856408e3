import ContainerShim
import Glibc
import KubernetesObjects
import Linux
import Subprocess
import Synchronization
import SystemPackage

/// Containers as real processes on this machine. bubblewrap gives each its own namespaces for processes,
/// mounts and host name; the network is the machine's.
///
/// A shim process (`ContainerShim`) runs beside each container. The runtime writes the containers' state and volumes
/// below ``Configuration/rootDirectory``, and what hostPath volumes ask for.
public final class ProcessRuntime: ContainerRuntime {
  public struct Configuration: Sendable {
    /// The directory of state, logs and volumes; created when missing. Only one kubelet may use it.
    public var rootDirectory: String
    /// What each image is on this machine.
    public var images = ImageMap()
    /// The containers' address for probes and hooks, and `status.podIP`.
    public var nodeAddress = "127.0.0.1"
    /// Whether containers keep running when the kubelet ends; the next kubelet on this directory adopts them.
    public var leavesPodsRunning = false
    /// An executable that acts as a shim when its arguments say so, such as `fake-kubelet`.
    public var shim: String
    /// The path of bubblewrap.
    public var bubblewrap = "/usr/bin/bwrap"

    public init(rootDirectory: String, shim: String) {
      self.rootDirectory = rootDirectory
      self.shim = shim
    }

    /// The directory of the containers' logs.
    public var podLogsDirectory: String { "\(self.rootDirectory)/pod-logs" }

    var containersDirectory: String { "\(self.rootDirectory)/containers" }
    var podsDirectory: String { "\(self.rootDirectory)/pods" }
  }

  public let name = "process"
  let configuration: Configuration
  let requests: ContainerRequests
  /// The first process of each running container, by the container's serial number.
  let processes = Mutex<[UInt64: pid_t]>([:])
  private let lock: Int32

  /// Takes the root directory for this kubelet.
  /// - Throws: ``ProcessRuntimeError``
  public init(_ configuration: Configuration) throws(ProcessRuntimeError) {
    self.configuration = configuration
    guard let path = realpath(configuration.bubblewrap, nil) else {
      throw ProcessRuntimeError.noBubblewrap(configuration.bubblewrap)
    }
    free(path)
    let root = configuration.rootDirectory
    // The longest path below it is a socket's, which has at most 108 bytes.
    guard root.hasPrefix("/"), root.utf8.count <= 60 else {
      throw ProcessRuntimeError.root(root, "it must be an absolute path of at most 60 bytes")
    }
    do {
      for path in [
        configuration.containersDirectory, configuration.podsDirectory,
        configuration.podLogsDirectory,
      ] {
        try HostFiles.makeDirectory(path, mode: 0o700)
        // An earlier version has made it for all to read.
        chmod(path, 0o700)
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

  deinit {
    // A process that was just forked holds the descriptor, too, until it becomes another program.
    flock(self.lock, LOCK_UN)
    close(self.lock)
  }

  public var endsContainersInOrder: Bool { !self.configuration.leavesPodsRunning }

  public func run(
    _ container: ContainerID, of pod: PodManifest, signals: AsyncStream<ContainerSignal>,
    onStart: @Sendable () -> Void
  ) async -> ContainerEnd {
    let shim = self.shim(uid: pod.uid, container: container.container, attempt: container.attempt)
    defer { self.processes.withLock { _ = $0.removeValue(forKey: container.serial) } }
    do {
      // A surviving container of a former kubelet has its directory and is adopted as it is.
      if !(await BlockingWork.run { HostFiles.isDirectory(shim.directory) }) {
        try await self.launch(container, of: pod, in: shim.directory)
      }
      let end = try await shim.attend(signals: signals) { process in
        self.processes.withLock { $0[container.serial] = process }
        onStart()
      }
      await shim.clear()
      guard case .exited(let code, _) = end else { return end }
      let settings = self.configuration
      let message = await BlockingWork.run {
        TerminationMessage(of: container, in: pod, settings)?.take(code: code)
      }
      return .exited(code: code, message: message ?? "")
    } catch let failure as StartFailure {
      await shim.clear()
      return .notStarted(failure)
    } catch {
      if Task.isCancelled { return .exited(code: 137) }
      await shim.clear()
      return .notStarted(.run("\(error)"))
    }
  }

  private func launch(
    _ container: ContainerID, of pod: PodManifest, in directory: String
  ) async throws {
    let command = try await BlockingWork.run { () throws(StartFailure) in
      try self.command(for: container, of: pod, in: directory)
    }
    let file = ContainerLogFile(
      pod: pod.name, uid: pod.uid, container: container.container, attempt: container.attempt)
    let logs = self.configuration.podLogsDirectory
    let log = try await BlockingWork.run { () throws(StartFailure) in
      try HostFiles.makeDirectory(directory, mode: 0o700)
      let place = try HostFiles.makeDirectories(file.directory, in: logs)
      HostFiles.removeEntries(of: place) { !file.isOutdated($0) }
      Self.record(container, of: pod, in: directory)
      do throws(FileError) {
        try ContainerShim.write(command.arguments, in: directory)
      } catch {
        throw .run("\(error)")
      }
      return "\(place)/\(file.name)"
    }
    let policy: ShimPolicy =
      self.configuration.leavesPodsRunning ? .outlivesKubelet : .endsWithKubelet
    let launcher = try await Subprocess.run(
      .path(FilePath(self.configuration.shim)),
      arguments: Arguments(
        ContainerShim.arguments(
          directory: directory, log: log, policy: policy, mounts: command.staged,
          bubblewrap: self.configuration.bubblewrap, command.words)),
      output: .discarded, error: .string(limit: 4096))
    guard launcher.terminationStatus == .exited(0) else {
      throw StartFailure.run(
        "\(self.configuration.shim) \(ContainerShim.command): \(launcher.standardError)")
    }
  }

  /// A container's shim, by its directory.
  func shim(uid: String, container: String, attempt: Int) -> ShimConnection {
    ShimConnection(
      base: self.configuration.containersDirectory,
      name: PodUID.digest("\(uid)/\(container)/\(attempt)"))
  }

  public func usage(of container: ContainerID) async -> ContainerUsage? {
    guard let process = self.processes.withLock({ $0[container.serial] }) else { return nil }
    return await BlockingWork.run { ContainerUsage(ofNamespaceOf: process) }
  }
}

/// Why a ``ProcessRuntime`` cannot be set up.
public enum ProcessRuntimeError: Error, Equatable, CustomStringConvertible {
  case noBubblewrap(String)
  /// The root directory and what is wrong with it.
  case root(String, String)

  public var description: String {
    switch self {
    case .noBubblewrap(let path):
      "--container-runtime=process needs bubblewrap, and there is no \(path): apt-get install bubblewrap"
    case .root(let path, let reason): "--root-dir: \(path): \(reason)"
    }
  }
}
