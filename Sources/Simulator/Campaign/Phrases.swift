import Elector
import Stories

/// What the cores report, as phrases of a story: the part of the cluster that acts is their subject.
extension Election.Report {
  var phrase: String {
    func words(_ duration: Duration) -> String { Story.words(duration / .seconds(1)) }
    return switch self {
    case .acquired(let term): "wins the lease, term \(term)"
    case .regained(let term): "holds the lease after all, term \(term)"
    case .lost(let term, let loss): "leads no longer, term \(term): \(loss)"
    case .leading: "leads"
    case .following(let leader): "follows \(leader)"
    case .nameClash(let term):
      "waits: the lease of term \(term) is held under its own name by an earlier run or another elector"
    case .neverEnds(let holder): "waits: the lease of \(holder) has no TTL and never ends"
    case .storeFails(let reason): "does not get what it asks of the store: \(reason)"
    case .storeAnswersAgain: "hears from the store again"
    case .storeWentBack(let from, let to):
      "sees the store's index go back from \(from) to \(to): it was restored or replaced"
    case .cannotInstall(let reason, let pause):
      "gives the lease away and tries again in \(words(pause)): it cannot install the manifest, \(reason)"
    case .podFails(let reason, let pause):
      "gives the lease away and tries again in \(words(pause)): its pod does not run as it should, \(reason)"
    case .steppingDown(let duration):
      "steps down \(duration.map { "for \(words($0))" } ?? "until it is resumed")"
    case .resuming: "takes part again"
    case .cannotRemove(let reason): "cannot remove the manifest: \(reason)"
    case .diskFails(let reason):
      "keeps the lease, since the manifest cannot be removed: its disk takes no writes, \(reason)"
    case .sourceFails(let reason):
      "cannot read the manifest's source, and leaves what is installed: \(reason)"
    case .waiting(let term, let rest):
      "waits up to \(words(rest)) before it installs the manifest: the pod of "
        + (term.map { "term \($0)" } ?? "an earlier term") + " may still run"
    case .podHasEnded(let term):
      "leaves its receipt in the store: the pod of term \(term) has ended"
    case .recordFails(let reason):
      "cannot read or write the record of terms beside the lease: \(reason)"
    case .awaitingPodEnd: "waits for its pod to end"
    case .podOverdue: "sees that its kubelet still runs the pod, whose time to end is over"
    case .released(let term): "releases the lease of term \(term)"
    case .notReleased(let term, let reason): "leaves the lease of term \(term) to expire: \(reason)"
    }
  }
}

extension Guard.Report {
  var phrase: String {
    func words(_ duration: Duration) -> String { Story.words(duration / .seconds(1)) }
    return switch self {
    case .removed(_, let reason): "removes the manifest: \(reason)"
    case .refused: "refuses to install the manifest: the lease's deadline has passed"
    case .placeTaken(_, let owner): "ends: another guard has the manifest's place, \(owner)"
    case .cannotRemove(let reason): "cannot remove the manifest: \(reason)"
    case .left(let reason): "leaves the manifest behind: \(reason)"
    case .electorEnded(_, let pause): "starts its elector again in \(words(pause))"
    case .notStarted(let reason, let pause):
      "cannot start its elector, and tries again in \(words(pause)): \(reason)"
    case .nonsense(let error): "does not understand its elector: \(error)"
    }
  }
}

extension ElectorEnd {
  var phrase: String {
    switch self {
    case .code(0): "ends"
    case .code(let code): "ends with exit code \(code)"
    case .signal(9): "is killed (SIGKILL)"
    case .signal(let number): "is ended by signal \(number)"
    }
  }
}
