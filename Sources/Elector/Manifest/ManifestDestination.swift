import Linux
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
    await self.keeper.install(term: term, before: end)
  }

  func awaitEnd() async -> Bool {
    // Another one may be installed meanwhile.
    await self.awaitEnd(of: self.manifest.podsSoFar)
  }

  private func awaitEnd(of pods: ManifestCopy.Pods) async -> Bool {
    let hasEnded = await self.awaitEnd(isOnlyOne: pods.isOnlyOne)
    if hasEnded { self.manifest.ended(pods) }
    return hasEnded
  }

  private func awaitEnd(isOnlyOne: Bool) async -> Bool {
    let pod = try? await NIOThreadPool.singleton.runIfActive { [manifest] in manifest.elected() }
    guard let kubelet, let pod = pod ?? nil else {
      self.logger.warning(
        "cannot tell which pod to ask the kubelet for, waiting for as long as one may take to end",
        metadata: ["source": "\(self.manifest.source)", "for": "\(self.timing.podTime)"])
      return (try? await Task.sleep(for: self.timing.podTime)) != nil
    }
    return await kubelet.awaitEnd(
      of: pod, detection: self.timing.podStop.detection, isOnlyOne: isOnlyOne)
  }

  func observe() async -> PodObservation? {
    let pod = try? await NIOThreadPool.singleton.runIfActive { [manifest] in manifest.elected() }
    guard let kubelet, let pod = pod ?? nil else { return nil }
    return await kubelet.observe(pod)
  }

  func watch(_ hasChanged: @escaping @Sendable () -> Void) async {
    await withDiscardingTaskGroup { group in
      if let kubelet = self.kubelet {
        group.addTask {
          if let reason = await kubelet.trouble() { self.tell(kubelet, reason) }
          await self.settlePast()
        }
      }
      for path in [self.manifest.source, self.manifest.destination] {
        group.addTask { await self.watchFile(path, hasChanged) }
      }
    }
  }

  /// Finds out when nothing runs any more of what an earlier process installed, unless we were quicker to
  /// install something.
  private func settlePast() async {
    while self.manifest.past == .notYet {
      guard (try? await Task.sleep(for: .milliseconds(20))) != nil else { return }
    }
    if case .pods(let past) = self.manifest.past { _ = await self.awaitEnd(of: past) }
  }

  private func tell(_ kubelet: Kubelet, _ reason: String) {
    self.logger.warning(
      "cannot ask the kubelet, which may start later; until it answers the longest times are waited for",
      metadata: ["kubelet": "\(kubelet.url)", "reason": "\(reason)"])
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
