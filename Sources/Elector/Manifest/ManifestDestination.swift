import Linux
import Logging
import NIOPosix

/// The destination of an election for a manifest: the file in the kubelet's directory, and its pod.
struct ManifestDestination: ElectionDestination {
  let installer: ManifestInstaller
  /// `nil` when no kubelet is known; then nothing shows that a pod has ended.
  let kubelet: NodeKubelet?
  let timing: Timing
  let logger: Logger

  private var manifest: ManifestFile { self.installer.file }

  var tellsOfEnd: Bool { self.kubelet != nil }

  func remove() async throws { try await self.installer.remove() }

  func extend(to end: ContinuousClock.Instant) async { await self.installer.extend(to: end) }

  func install(term: UInt64, before end: ContinuousClock.Instant) async -> ElectionInstallation {
    await self.installer.install(term: term, before: end)
  }

  func settle() async { await self.installer.settle() }

  func awaitEnd(isYoung: Bool) async -> ElectionEnd {
    // Another copy may be installed during the wait.
    await self.awaitEnd(of: self.manifest.podsSoFar, isYoung: isYoung)
  }

  private func awaitEnd(of pods: ManifestCopy.Pods, isYoung: Bool) async -> ElectionEnd {
    let end = await self.awaitEnd(isOnlyOne: pods.isOnlyOne, isYoung: isYoung)
    if end == .ended { self.manifest.ended(pods) }
    return end
  }

  private func awaitEnd(isOnlyOne: Bool, isYoung: Bool) async -> ElectionEnd {
    guard let kubelet, let pod = await self.elected() else { return .unproven }
    return await kubelet.awaitEnd(
      of: pod, self.timing.podStop, isOnlyOne: isOnlyOne, isYoung: isYoung)
  }

  func observe() async -> PodObservation? {
    guard let kubelet, let pod = await self.elected() else { return nil }
    return await kubelet.observe(pod)
  }

  private func elected() async -> ElectedPod? {
    try? await NIOThreadPool.singleton.runIfActive { [manifest] in manifest.elected() }
  }

  func watch(_ hasChanged: @escaping @Sendable () -> Void) async {
    await withDiscardingTaskGroup { group in
      if let kubelet = self.kubelet {
        group.addTask {
          self.tell(of: kubelet, trouble: await kubelet.trouble())
          await self.settlePast()
        }
      }
      for path in [self.manifest.source, self.manifest.destination] {
        group.addTask { await self.watchFile(path, hasChanged) }
      }
    }
  }

  /// Waits for the end of the pods of an earlier process, unless we install a manifest before.
  private func settlePast() async {
    while self.manifest.past == .notYet {
      guard (try? await Task.sleep(for: .milliseconds(20))) != nil else { return }
    }
    if case .pods(let past) = self.manifest.past {
      _ = await self.awaitEnd(of: past, isYoung: self.timing.podStop.dependsOnAge)
    }
  }

  /// Once, at the start: whether a kubelet can say that our pod has ended, and what it costs if none does.
  private func tell(of kubelet: NodeKubelet, trouble: String?) {
    let urls = kubelet.candidates.map(\.url).joined(separator: " ")
    guard let trouble else {
      if kubelet.isNamed { return }
      self.logger.info(
        "no --kubelet is given: a kubelet on this machine answers, and its word counts once it has listed our pod",
        metadata: ["kubelet": "\(urls)"])
      return
    }
    let cost =
      "a planned stop leaves the lock to expire and costs as much as a crash, up to \(self.timing.worstTakeover)"
    self.logger.warning(
      kubelet.isNamed
        ? "the kubelet does not answer yet; until it does, \(cost)"
        : "no kubelet can say that our pod has ended, so \(cost); name the kubelet with --kubelet",
      metadata: ["kubelet": "\(urls)", "reason": "\(trouble)"])
  }

  /// Reports changes while the directory exists; otherwise the check at each `--sleep` remains.
  private func watchFile(_ path: String, _ hasChanged: @Sendable () -> Void) async {
    let directory = ManifestFile.directory(of: path)
    let name = ManifestFile.name(of: path)
    while !Task.isCancelled {
      if let events = try? DirectoryWatch.events(of: directory) {
        // It may have changed before the watch.
        hasChanged()
        // A mounted ConfigMap changes all of its files at once, by a name with two leading dots.
        for await event in events
        where event.name == nil || event.name == name || event.name?.hasPrefix("..") == true {
          hasChanged()
        }
      }
      try? await Task.sleep(for: self.timing.sleep)
    }
  }
}
