/// What the demo says, sentence by sentence; what differs from run to run is an argument. The film in the README has
/// to say the same, so its test finds the sentences here.
package enum DemoText {
  // MARK: The story

  static func bringingUp(masters: String, ttl: String, lockDelay: String) -> String {
    """
    Bringing up a store and \(masters) masters.
       Each master is a fake kubelet, which runs what lies in its manifest directory, and two
       electors, which put the scheduler's or the controller manager's manifest there while they
       hold a lease in the store. A lease is valid for \(ttl) s. A leader gives up a third of it
       early. After a leader that left without a word, the next one waits \(lockDelay) s more, so
       that the old pod has surely ended by then. That wait is the lock-delay.
    """
  }

  static func allRun(after seconds: String) -> String {
    "   - all processes run after \(seconds) s"
  }

  static func elected(_ node: String, pod: String) -> String {
    "   - \(node) was elected to run \(pod)"
  }

  static func crash(of node: String, pods: String) -> String {
    "kill -9 of all of \(node), which runs \(pods)."
  }

  static func leaseLasts(_ ttl: String) -> String {
    "   Its lease lasts up to \(ttl) s more; nobody else may lead before that, and then the lock-delay begins."
  }

  static func takeover(by node: String, pod: String, after seconds: String, limit: String) -> String
  {
    "   \(node) runs \(pod) \(seconds) s after the kill "
      + "(promised: below \(self.takeoverBound) = \(limit) s)"
  }

  static func bringingBack(_ node: String) -> String { "Bringing \(node) back." }

  static let back = "   It removed what it led before its crash, and now it stands by."

  static func handOver(from node: String, pods: String, stopTime: String) -> String {
    """
    Stopping \(node), which runs \(pods), in good order.
       Its pods take \(stopTime) s to stop; only then may another master run them.
    """
  }

  static func handedOver(
    to node: String, pod: String, after seconds: String, limit: String, gap: String
  ) -> String {
    "   \(node) runs \(pod) \(seconds) s after SIGTERM "
      + "(promised: below the pod's stop time + 1 s = \(limit) s);\n"
      + "   nobody ran it for \(gap) s of that"
  }

  static let end = "The end."
  static let noneIsLeft = "   No process is left."

  // MARK: The promises

  static let takeoverBound = "TTL + lock-delay + 1 s"
  static let handOverBound = "stop time + 1 s"
  static let firstElection = "first election"
  static let oneLeaderEach = "one leader for each of the two"

  static func takeoverPromise(_ pod: String) -> String { "takeover of \(pod) after kill -9" }
  static let returnPromise = "a master that comes back does not interfere"
  static let standsBy = "it stands by"
  static func handOverPromise(_ pod: String) -> String { "hand-over of \(pod) after SIGTERM" }
  static func neverTwo(looks: String) -> String {
    "two leaders or two pods at once, in \(looks) looks"
  }
  static let leftBehind = "processes left behind"

  /// The end of the summary.
  package static let allKept = "Everything was as promised."

  /// What every run says in which all is as promised, with "…" for what differs.
  package static let ofEveryRun: [String] = {
    let some = "…"
    return [
      bringingUp(masters: some, ttl: some, lockDelay: some), allRun(after: some),
      elected(some, pod: some), crash(of: some, pods: some), leaseLasts(some),
      takeover(by: some, pod: some, after: some, limit: some), bringingBack(some), back,
      handOver(from: some, pods: some, stopTime: some),
      handedOver(to: some, pod: some, after: some, limit: some, gap: some), end, noneIsLeft,
      firstElection, oneLeaderEach, takeoverPromise(some), "(\(takeoverBound))", returnPromise,
      standsBy, handOverPromise(some), "(\(handOverBound))", neverTwo(looks: some), leftBehind,
      allKept,
    ]
  }()
}
