import Synchronization

/// The kubelet of the manifest's directory: one that a flag names, or whichever of several lists our pod.
public final class NodeKubelet: Sendable {
  let candidates: [Kubelet]
  /// Whether an operator has named it. Any other kubelet may be another directory's: its word counts once it
  /// has listed our pod.
  let isNamed: Bool
  private let found: Mutex<Kubelet?>

  public init(_ kubelet: Kubelet) {
    (self.candidates, self.isNamed) = ([kubelet], true)
    self.found = Mutex(kubelet)
  }

  public init(oneOf candidates: [Kubelet]) {
    (self.candidates, self.isNamed) = (candidates, false)
    self.found = Mutex(nil)
  }

  /// Where a kubelet listens by default: the read-only port, and the full one, with TLS or without.
  ///
  /// The read-only port has no `/runningpods/`, so it shows neither that a pod runs nor that it has ended.
  public static let usualURLs = [
    "http://127.0.0.1:10255", "https://127.0.0.1:10250", "http://127.0.0.1:10250",
  ]

  /// Waits for a pod's end after the removal of its manifest, as ``PodEndWatch`` decides.
  func awaitEnd(
    of pod: ElectedPod, _ podStop: PodStop, isOnlyOne: Bool, isYoung: Bool
  ) async -> ElectionEnd {
    let start = ContinuousClock.now
    var watch = PodEndWatch(
      detection: podStop.detection(isYoung: isYoung), grace: pod.grace, isOnlyOne: isOnlyOne,
      isYoung: isYoung, isKnown: self.found.withLock { $0 != nil })
    while true {
      let isListed = await self.lists(pod)
      switch watch.heard(isListed: isListed, after: ContinuousClock.now - start) {
      case .ended: return .ended
      case .overdue: return .overdue
      case .unproven: return .unproven
      case .ask(let pause):
        guard (try? await Task.sleep(for: pause)) != nil else { return .unproven }
      }
    }
  }

  /// Whether it runs the pod, or is going to; `nil` without an answer.
  private func lists(_ pod: ElectedPod) async -> Bool? {
    if let known = self.found.withLock({ $0 }) { return try? await known.lists(pod) }
    return await self.firstFinding {
      try? await $0.lists(pod)
    } isFound: {
      $0
    }
  }

  /// Asks all candidates at once, since a port without a listener costs a second.
  /// - Returns: the first answer of the kubelet that runs our pod, else any other one.
  private func firstFinding<Answer: Sendable>(
    _ ask: @escaping @Sendable (Kubelet) async -> Answer?, isFound: (Answer) -> Bool
  ) async -> Answer? {
    await withTaskGroup(of: (Kubelet, Answer?).self) { group in
      for candidate in self.candidates {
        group.addTask { (candidate, await ask(candidate)) }
      }
      var other: Answer?
      for await case (let candidate, let answer?) in group {
        if isFound(answer) {
          self.found.withLock { $0 = candidate }
          group.cancelAll()
          return answer
        }
        other = answer
      }
      return other
    }
  }

  /// The pod's state now; `nil` when no kubelet gives it.
  func observe(_ pod: ElectedPod) async -> PodObservation? {
    if let known = self.found.withLock({ $0 }) { return await known.observe(pod) }
    let observation = await self.firstFinding {
      await $0.observe(pod)
    } isFound: {
      $0.isRunning
    }
    // Others say nothing about it.
    return observation?.isRunning == true ? observation : nil
  }

  /// Why none answers; `nil` when one does.
  func trouble() async -> String? {
    await withTaskGroup(of: String?.self) { group in
      for candidate in self.candidates {
        group.addTask {
          await candidate.trouble().map { self.isNamed ? $0 : "\(candidate.url): \($0)" }
        }
      }
      var reasons: [String] = []
      for await reason in group {
        guard let reason else {
          group.cancelAll()
          return nil
        }
        reasons.append(reason)
      }
      return reasons.sorted().joined(separator: "; ")
    }
  }
}
