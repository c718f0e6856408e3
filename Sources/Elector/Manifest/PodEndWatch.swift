/// The question whether a pod whose manifest is gone has ended, as a value: what a kubelet answers goes
/// in, and what follows comes out.
///
/// That it is not listed tells nothing by itself: the kubelet may have read the file and be about to
/// start it. It has ended when the kubelet has noticed by now that the file is gone; or before, when it was
/// listed and no second pod can follow it.
package struct PodEndWatch: Equatable, Sendable {
  package enum Step: Equatable, Sendable {
    /// Ask again after so long.
    case ask(after: Duration)
    /// It has ended; or the kubelet cannot be asked, and has by all that is known killed it by now.
    case ended
    /// It is still listed although its time is over.
    case overdue
  }

  /// For so much longer than it should a pod may be listed before it counts as one that does not end.
  private static let patience = Duration.seconds(5)
  private static let shortestPause = Duration.milliseconds(10)

  private let detection: Duration
  private let grace: Duration
  private let isOnlyOne: Bool
  private var absences = 0
  private var wasListed = false

  /// - Parameters:
  ///   - detection: until the kubelet notices that a manifest is gone.
  ///   - grace: until it has killed the pod.
  ///   - isOnlyOne: whether no pod of an earlier manifest can be listed, ``InstalledPods/hasOnlyOne``.
  package init(detection: Duration, grace: Duration, isOnlyOne: Bool) {
    self.detection = detection
    self.grace = grace
    self.isOnlyOne = isOnlyOne
  }

  /// - Parameters:
  ///   - isListed: whether the kubelet has the pod, running or to be run; `nil` when it does not say.
  ///   - elapsed: since the manifest was gone.
  package mutating func heard(isListed: Bool?, after elapsed: Duration) -> Step {
    if isListed == true {
      (self.wasListed, self.absences) = (true, 0)
    } else if isListed == false,
      self.wasListed && self.isOnlyOne || elapsed >= self.detection
    {
      // Twice: between two containers of a pod that just starts there may be a moment.
      self.absences += 1
      if self.absences == 2 { return .ended }
    }
    let killed = self.detection + self.grace
    if !self.wasListed, elapsed >= killed { return .ended }
    if elapsed >= killed + Self.patience { return self.absences > 0 ? .ended : .overdue }
    if self.absences > 0 { return .ask(after: Self.shortestPause) }
    // As exact as the wait so far is long; each question makes a real kubelet ask its runtime.
    return .ask(after: min(max(elapsed / 20, Self.shortestPause), .milliseconds(200)))
  }
}
