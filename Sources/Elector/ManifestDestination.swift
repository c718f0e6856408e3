import DirectoryWatch
import Logging
import NIOPosix

/// A manifest in a kubelet's directory, and the pod that comes of it.
struct ManifestDestination: ElectionDestination {
  let keeper: ManifestKeeper
  /// `nil` when nobody can be asked when a pod has ended.
  let kubelet: Kubelet?
  let timing: Timing
  let logger: Logger

  private var manifest: ManifestFile { self.keeper.file }

  var tellsOfEnd: Bool { self.kubelet != nil }

  func remove() async throws { try await self.keeper.remove() }

  func extend(to end: ContinuousClock.Instant) async { await self.keeper.extend(to: end) }

  func install(term: UInt64, before end: ContinuousClock.Instant) async -> ElectionInstallation {
    do {
      switch try await self.keeper.install(before: end) {
      case .installed: return .installed
      case .kept(let error): return .kept(reason: error.description)
      case .tooLate: return .tooLate
      }
    } catch is GuardLost {
      // Its pod may run already: this is no failure after which the lease may go at once.
      return .lost
    } catch {
      return .failed(
        reason: "\(error)", isUntouched: (error as? ManifestError)?.leavesDestination == true)
    }
  }

  func awaitEnd() async -> Bool {
    let pod = try? await NIOThreadPool.singleton.runIfActive { [manifest] in manifest.elected() }
    guard let kubelet, let pod = pod ?? nil else {
      self.logger.warning(
        "cannot tell which pod to ask the kubelet for, waiting for as long as one may take to end",
        metadata: ["source": "\(self.manifest.source)", "for": "\(self.timing.podTime)"])
      return (try? await Task.sleep(for: self.timing.podTime)) != nil
    }
    return await kubelet.awaitEnd(of: pod, detection: self.timing.podStop.detection)
  }

  func watch(_ hasChanged: @escaping @Sendable () -> Void) async {
    await withDiscardingTaskGroup { group in
      for path in [self.manifest.source, self.manifest.destination] {
        group.addTask { await self.watchFile(path, hasChanged) }
      }
    }
  }

  /// Tells of changes for as long as the directory is there; without it, the look at each `--sleep`
  /// remains.
  private func watchFile(_ path: String, _ hasChanged: @Sendable () -> Void) async {
    let directory = ManifestFile.directory(of: path)
    let name = ManifestFile.name(of: path)
    while !Task.isCancelled {
      if let events = try? DirectoryWatch.events(of: directory) {
        // It may have changed while nobody looked.
        hasChanged()
        // A name with two dots is how a mounted ConfigMap changes all of its files at once.
        for await event in events
        where event.name == nil || event.name == name || event.name?.hasPrefix("..") == true {
          hasChanged()
        }
      }
      try? await Task.sleep(for: self.timing.sleep)
    }
  }
}
