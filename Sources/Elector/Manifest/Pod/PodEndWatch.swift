/// Whether a pod has ended after the removal of its manifest, as a value: a kubelet's answers go in, and
/// the next step comes out.
///
/// A pod that is not listed may not have ended: the kubelet may have read the file and be about to start it.
/// The pod has ended when the kubelet says so after it must have noticed the removal; or earlier, when it was
/// listed before and no second pod can follow it. A kubelet that says nothing says nothing about the pod: its
/// containers run on without it. Nor does a kubelet that may be another's, until it has listed the pod.
package struct PodEndWatch: Equatable, Sendable {
  package enum Step: Equatable, Sendable {
    /// Ask again after a pause.
    case ask(after: Duration)
    /// The kubelet says that it has ended.
    case ended
    /// It is still listed although the kubelet should have killed it.
    case overdue
    /// The kubelet does not say what has become of it.
    case unproven
  }

  /// How long a pod may be listed after its time before it is overdue.
  private static let patience = Duration.seconds(5)
  private static let shortestPause = Duration.milliseconds(10)

  private let detection: Duration
  private let grace: Duration
  private let isOnlyOne: Bool
  /// A young pod's container may have ended by itself, and be about to start again.
  private let isYoung: Bool
  /// Whether it is surely the kubelet of the pod.
  private var isKnown: Bool
  private var absences = 0
  private var wasListed = false

  /// - Parameters:
  ///   - detection: the time within which the kubelet notices a removal.
  ///   - grace: the time within which it then kills the pod.
  ///   - isOnlyOne: whether no pod of an earlier manifest can be listed, ``InstalledPods/hasOnlyOne``.
  ///   - isKnown: whether the kubelet is surely the one of the manifest's directory; else its word counts once
  ///     it has listed the pod.
  ///   - isYoung: whether its containers had not run unchanged for long; `detection` is a young pod's, then.
  package init(
    detection: Duration, grace: Duration, isOnlyOne: Bool, isYoung: Bool = false,
    isKnown: Bool = true
  ) {
    self.isYoung = isYoung
    self.detection = detection
    self.grace = grace
    self.isOnlyOne = isOnlyOne
    self.isKnown = isKnown
  }

  /// - Parameters:
  ///   - isListed: whether the kubelet runs the pod, or is going to; `nil` without an answer.
  ///   - elapsed: the time since the removal.
  package mutating func heard(isListed: Bool?, after elapsed: Duration) -> Step {
    if isListed == true {
      (self.wasListed, self.isKnown, self.absences) = (true, true, 0)
    } else if isListed == false, self.isKnown,
      self.wasListed && self.isOnlyOne && !self.isYoung || elapsed >= self.detection
    {
      // Twice, because a starting pod may be unlisted between two of its containers.
      self.absences += 1
      if self.absences == 2 { return .ended }
    }
    // It does not answer, or had the time to list the pod.
    if !self.isKnown, isListed == nil || elapsed >= self.detection { return .unproven }
    if elapsed >= self.detection + self.grace + Self.patience {
      return isListed == true ? .overdue : .unproven
    }
    if self.absences > 0 { return .ask(after: Self.shortestPause) }
    // In proportion to the time so far, because each question makes a kubelet ask its runtime.
    return .ask(after: min(max(elapsed / 20, Self.shortestPause), .milliseconds(200)))
  }
}

/// Which pods of all installations so far may still run, as a value.
///
/// When a manifest is installed again before the end of the former pod is known, the kubelet runs two pods
/// one after the other, and in between it runs none.
package struct InstalledPods: Equatable, Sendable {
  /// The number of installations; what was there before ours counts as one.
  package private(set) var count = 1
  private var ended = 0
  /// Whether all former pods had ended before the last installation.
  package private(set) var hasOnlyOne = false

  package init() {}

  /// Any process has installed another manifest than before.
  package mutating func installed() {
    self.hasOnlyOne = self.ended == self.count
    self.count += 1
  }

  /// The pods of the first installations have ended.
  package mutating func ended(upTo count: Int) { self.ended = max(self.ended, count) }
}
