import ContainerShim
import Glibc
import Linux

/// Containers that a former kubelet on this directory has left, and this kubelet's own end.
extension ProcessRuntime {
  /// The file in a container's directory that names the pod and the container for the next kubelet.
  private static let recordFile = "what"

  static func record(_ container: ContainerID, of pod: PodManifest, in directory: String) {
    let lines = [
      pod.uid, container.container, "\(container.attempt)", pod.source.rawValue, pod.name.namespace,
      pod.name.name,
    ]
    let file = open(
      "\(directory)/\(Self.recordFile)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    _ = Array(lines.map { $0 + "\n" }.joined().utf8).withUnsafeBytes {
      Glibc.write(file, $0.baseAddress, $0.count)
    }
    close(file)
  }

  /// Those of all containers' directories.
  private func shims() async -> [ShimConnection] {
    let base = self.configuration.containersDirectory
    return await BlockingWork.run { HostFiles.names(in: base) }
      .map { ShimConnection(base: base, name: $0) }
  }

  /// Finds the containers of a former kubelet. Unless containers outlive their kubelet, it stops all of them
  /// first.
  public func survivors() async -> [SurvivingContainer] {
    var survivors: [SurvivingContainer] = []
    for shim in await self.shims() {
      let record = (HostFiles.text("\(shim.directory)/\(Self.recordFile)") ?? "")
        .split(separator: "\n").map(String.init)
      let isAlive = await shim.isAlive
      guard record.count >= 3, let attempt = Int(record[2]), self.configuration.leavesPodsRunning
      else {
        if isAlive { await shim.kill(grace: .zero) }
        await shim.clear()
        continue
      }
      survivors.append(
        SurvivingContainer(
          uid: record[0], container: record[1], attempt: attempt, isRunning: isAlive,
          source: record.dropFirst(3).first.flatMap { .init(rawValue: $0) } ?? .file,
          pod: record.count < 6 ? nil : PodName(namespace: record[4], name: record[5])))
      if !isAlive { await shim.clear() }
    }
    let uids = Set(survivors.map(\.uid))
    let (pods, logs) = (self.configuration.podsDirectory, self.configuration.podLogsDirectory)
    await BlockingWork.run {
      HostFiles.removeEntries(of: pods) { uids.contains($0) }
      // Until now, they told what had happened.
      HostFiles.removeEntries(of: logs) {
        ContainerLogFile.uid(ofDirectory: $0).map(uids.contains) ?? false
      }
    }
    return survivors
  }

  public func end(_ survivor: SurvivingContainer) async {
    if survivor.isRunning {
      let shim = self.shim(
        uid: survivor.uid, container: survivor.container, attempt: survivor.attempt)
      // Source: `pkg/kubelet/kubelet.go` SyncTerminatingRuntimePod: one second for orphans.
      await shim.kill(grace: .seconds(1))
      await shim.clear()
    }
    await self.podEnded(uid: survivor.uid)
  }

  public func podEnded(uid: String) async {
    guard let directory = PathComponent(uid) else { return }
    let (pods, logs) = (self.configuration.podsDirectory, self.configuration.podLogsDirectory)
    await BlockingWork.run {
      HostFiles.remove(directory, in: pods)
      HostFiles.removeEntries(of: logs) { ContainerLogFile.uid(ofDirectory: $0) != uid }
    }
  }

  /// Waits for the end of all containers that end with their kubelet; called after all runs were cancelled.
  public func shutDown() async {
    await self.requests.shutDown()
    guard !self.configuration.leavesPodsRunning else { return }
    let base = self.configuration.containersDirectory
    await BlockingWork.run {
      // Each shim has lost its kubelet and kills its container; its end file appears after that.
      for _ in 0..<1000 {
        let open = HostFiles.names(in: base).filter {
          !HostFiles.exists("\(base)/\($0)/\(ContainerShim.endFile)")
            && HostFiles.exists(ContainerShim.socket(in: "\(base)/\($0)"))
        }
        if open.isEmpty { break }
        usleep(10_000)
      }
    }
    for shim in await self.shims() { await shim.clear() }
    let pods = self.configuration.podsDirectory
    await BlockingWork.run { HostFiles.removeEntries(of: pods) }
  }
}
