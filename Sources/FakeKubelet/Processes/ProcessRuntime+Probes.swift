import ContainerShim
import Subprocess
import SystemPackage

/// Hooks and probes.
extension ProcessRuntime {
  public func runHook(
    _ kind: HookKind, _ action: ContainerAction, in container: ContainerID, of pod: PodManifest
  ) async -> String? {
    switch await self.perform(action, in: container, of: pod, timeout: nil) {
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
      return await self.perform(action, in: container, of: pod, timeout: probe.timeout)
    case .grpc: return .error("gRPC probes are not supported on this node")
    }
  }

  private func perform(
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
    var privileges = ContainerPrivileges()
    if let spec = pod.spec(ofContainer: container.container) {
      privileges = ContainerPrivileges(spec)
      _ = environment.add(
        spec, of: pod, nodeAddress: self.configuration.nodeAddress,
        machine: { .machine(directory: self.configuration.rootDirectory) })
    }
    var options = PlatformOptions()
    options.createSession = true
    options.teardownSequence = [
      .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .zero)
    ]
    let variables = environment.variables
    let settings = options
    let arguments = ContainerExec.arguments(in: process, capabilities: privileges.bits, words)
    return await withTaskGroup(of: ProbeResult.self) { group in
      defer { group.cancelAll() }
      group.addTask {
        do {
          let result = try await Subprocess.run(
            .path(FilePath(self.configuration.shim)), arguments: Arguments(arguments),
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
}
