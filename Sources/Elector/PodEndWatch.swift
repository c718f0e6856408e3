/// The question whether a pod whose manifest is gone has ended, as a value: what a kubelet answers goes
/// in, and what follows comes out.
///
/// That it is not listed tells nothing by itself: the kubelet may have read the file and be about to
/// start it. It has ended when it was listed before, or when the kubelet has noticed by now that the file
/// is gone.
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
  private var absences = 0
  private var wasListed = false

  /// - Parameters:
  ///   - detection: until the kubelet notices that a manifest is gone.
  ///   - grace: until it has killed the pod.
  package init(detection: Duration, grace: Duration) {
    self.detection = detection
    self.grace = grace
  }

  /// - Parameters:
  ///   - isRunning: whether the kubelet lists the pod; `nil` when it does not say.
  ///   - elapsed: since the manifest was gone.
  package mutating func heard(isRunning: Bool?, after elapsed: Duration) -> Step {
    if isRunning == true {
      (self.wasListed, self.absences) = (true, 0)
    } else if isRunning == false, self.wasListed || elapsed >= self.detection {
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
