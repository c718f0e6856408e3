/// What is known of the manifest in the kubelet's directory and of the pod that comes of it: a part of
/// ``Election``, and a value like it.
struct ManifestState: Equatable, Sendable {
  /// How to find out that a pod has ended, once its manifest is gone.
  enum PodEnd: Equatable, Sendable {
    /// The kubelet is asked.
    case asked
    /// Not at all: nothing shows it, so no receipt is written, and the lease is left to expire.
    case unproven
    /// Not at all: nothing is promised, and nothing is waited for.
    case unpromised
  }

  enum File: Equatable, Sendable {
    /// Perhaps there, perhaps old: to `removing`.
    case unknown
    /// To `absent`, or back to `unknown` when it fails.
    case removing
    /// To `installing`; to `removing` when it is checked.
    case absent
    /// To `installed`, to `unknown` when it fails, to `removing` when the lease ends meanwhile.
    case installing
    /// To `installing` when it is checked, to `removing`.
    case installed
  }

  private enum Pod: Equatable, Sendable {
    /// To `ending` when the manifest is gone.
    case mayRun
    /// To `ended`; to `mayRun` when the manifest is to be installed.
    case ending(since: Instant)
    /// To `mayRun`.
    case ended
  }

  private let timing: Timing
  let podEnd: PodEnd

  private(set) var file = File.unknown
  /// Until when the manifest may stay, by the latest installation.
  private var installedUntil = Instant.start
  /// Whether the latest installation found the place absent.
  private var installsAnew = false
  /// An installation for a lease with this end came too late. The next one waits for a renewal: tried again at once, it
  /// would leave no time for anything else.
  private var tooLateFor: Instant?
  /// Whether the manifest was found absent once.
  private(set) var wasAbsent = false
  /// Why it could not be removed the last time.
  private(set) var removeFailure: String?
  /// Why the disk took no trial the last time, while the manifest is installed.
  private var diskFailure: String?
  private var pod = Pod.mayRun
  /// What `pod` was before an installation that may fail.
  private var podBefore = Pod.mayRun
  /// Whether neither this process has installed anything, nor an earlier one of ours whose pod may run.
  private var isUnused = false
  private var wasUnused = false
  /// The question for the pod's end that has no answer yet.
  private(set) var question: Int?
  private var questionDue = Instant.start
  private var lastQuestion = 0
  /// Whether the pod was young when its manifest was removed.
  private var endsYoung: Bool
  /// Whether the latest answer was that nothing shows what has become of the pod.
  private var wasUnproven = false

  /// When to check the files again.
  private var checkDue = Instant.start
  /// The same after a change, once the files are quiet.
  private var settledAt: Instant?
  private var removeDue = Instant.start

  init(timing: Timing, asksKubelet: Bool) {
    self.timing = timing
    self.endsYoung = timing.podStop.dependsOnAge
    if asksKubelet {
      self.podEnd = .asked
    } else if timing.profile == .podmaster {
      self.podEnd = .unpromised
    } else {
      self.podEnd = .unproven
    }
  }

  // MARK: Facts

  mutating func removed(at now: Instant) {
    guard self.file == .removing else { return }
    self.file = .absent
    (self.removeFailure, self.diskFailure) = (nil, nil)
    self.wasAbsent = true
    if self.pod == .mayRun {
      self.pod = .ending(since: now)
      self.wasUnproven = false
    }
  }

  mutating func removeFailed(_ reason: String, at now: Instant) {
    guard self.file == .removing else { return }
    self.file = .unknown
    self.removeFailure = reason
    self.removeDue = now + self.timing.retryPause(afterFailures: 1, keepingLease: true)
  }

  /// Why the manifest could not be removed, or would not be.
  var stuck: String? { self.removeFailure ?? self.diskFailure }

  /// - Parameter failure: why the disk took no trial.
  /// - Returns: whether an installation was under way.
  mutating func installed(diskFailure failure: String? = nil) -> Bool {
    guard self.file == .installing else { return false }
    self.file = .installed
    self.diskFailure = failure
    return true
  }

  /// - Parameter isUntouched: whether the destination surely is what it was before.
  /// - Returns: whether an installation was under way.
  mutating func installFailed(isUntouched: Bool) -> Bool {
    guard self.file == .installing else { return false }
    self.file = .unknown
    if isUntouched { (self.pod, self.isUnused) = (self.podBefore, self.wasUnused) }
    return true
  }

  /// The lease's end was too near, or the disk too slow.
  mutating func installedTooLate() {
    if self.installFailed(isUntouched: true), self.installsAnew {
      self.tooLateFor = self.installedUntil
    }
  }

  /// What never was needs no evidence of its end.
  mutating func expectNoPod() { self.isUnused = true }

  /// An earlier process of ours may have left one.
  mutating func expectPod() { (self.isUnused, self.wasUnused) = (false, false) }

  mutating func filesChanged(at now: Instant) { self.settledAt = now + Timing.settle }

  /// - Returns: whether the question was under way.
  mutating func podAnswered(_ id: Int, _ end: ElectionEnd, at now: Instant) -> Bool {
    guard id == self.question else { return false }
    self.question = nil
    self.wasUnproven = end == .unproven
    if end == .ended { self.pod = .ended } else { self.questionDue = now + self.timing.sleep }
    return true
  }

  // MARK: The pod

  /// Whether there is evidence that nothing of what was in the directory runs any more. Silence and time
  /// are none: under a kubelet that is dead, or that was restarted without its API server, a pod runs on.
  var podHasEnded: Bool {
    (self.file == .absent || self.file == .removing) && (self.pod == .ended || self.isUnused)
  }

  /// Whether nothing shows what has become of the pod, or can show it.
  var lacksEvidence: Bool {
    self.file == .absent && (self.podEnd == .unproven || self.podEnd == .asked && self.wasUnproven)
  }

  /// Whether the pod has ended, or its kubelet must have ended it by now, if it lives: enough for what the
  /// same kubelet does next, and for nothing else.
  func podHasEnded(byTimeAt now: Instant) -> Bool {
    if self.pod == .ended { return true }
    guard self.lacksEvidence, case .ending(let since) = self.pod else { return false }
    return now >= since + self.timing.podTime()
  }

  /// When one of these may become known by time alone.
  private var podEndDues: [Instant] {
    guard case .ending(let since) = self.pod else { return [] }
    switch self.podEnd {
    case .asked:
      return self.question == nil ? [self.questionDue, since + self.timing.podTime()] : []
    case .unproven: return [since + self.timing.podTime()]
    case .unpromised: return []
    }
  }

  /// Asks for the pod's end, unless it is known or the question is under way.
  mutating func askForPodEnd(at now: Instant) -> [Election.Effect] {
    guard case .ending = self.pod, self.podEnd == .asked, self.question == nil,
      now >= self.questionDue
    else { return [] }
    self.lastQuestion += 1
    self.question = self.lastQuestion
    return [.awaitPodEnd(id: self.lastQuestion, isYoung: self.endsYoung)]
  }

  // MARK: What follows

  /// Whether the manifest is there, or is about to be.
  var isPlaced: Bool { self.file == .installing || self.file == .installed }

  /// - Parameters:
  ///   - installation: what to install; `nil` when nothing may be there.
  ///   - isYoung: whether the present pod is.
  mutating func effects(
    at now: Instant, installation: (term: UInt64, before: Instant)?, isYoung: Bool
  ) -> [Election.Effect] {
    let isCheckDue = now >= self.checkDue || self.settledAt.map { now >= $0 } == true
    if let installation {
      // A manifest that expires by itself is written again after each renewal.
      let isOutOfDate = self.timing.manifestExpires && installation.before > self.installedUntil
      switch self.file {
      case .installed where !isCheckDue && !isOutOfDate, .installing, .removing: return []
      case .absent where self.tooLateFor.map { installation.before <= $0 } == true: return []
      case .absent, .installed:
        self.installsAnew = self.file == .absent
        self.file = .installing
        self.installedUntil = installation.before
        (self.podBefore, self.wasUnused) = (self.pod, self.isUnused)
        (self.pod, self.isUnused) = (.mayRun, false)
        self.question = nil
        self.checkBegins(at: now)
        return [.installManifest(term: installation.term, before: installation.before)]
      case .unknown: return self.removal(at: now)
      }
    }
    switch self.file {
    case .removing: return []
    // An operator may have put it there by hand.
    case .absent where !isCheckDue: return []
    case .unknown, .absent: return self.removal(at: now)
    case .installing, .installed:
      self.endsYoung = isYoung
      self.removeDue = now
      return self.removal(at: now)
    }
  }

  private mutating func removal(at now: Instant) -> [Election.Effect] {
    guard now >= self.removeDue else { return [] }
    self.file = .removing
    self.checkBegins(at: now)
    return [.removeManifest]
  }

  private mutating func checkBegins(at now: Instant) {
    self.checkDue = now + self.timing.sleep
    self.settledAt = nil
  }

  /// The instants at which something may follow from time alone.
  func dues(awaitingPodEnd: Bool) -> [Instant] {
    var dues: [Instant] = []
    switch self.file {
    case .unknown: dues.append(self.removeDue)
    case .installed, .absent: dues += [self.checkDue, self.settledAt ?? self.checkDue]
    case .installing, .removing: break
    }
    if awaitingPodEnd { dues += self.podEndDues }
    return dues
  }
}
