import Elector
import Stories

/// What is kept of a run so that its story can say why a rule was broken.
struct Evidence: Sendable {
  /// When the store has shown the end of each term, of the first election.
  var termEnds: [UInt64: Nanoseconds] = [:]
  /// When the rule was broken.
  var violated: Nanoseconds = 0
  /// The two nodes whose pods met.
  private(set) var rivals: [Int] = []
  /// When one of the two pods has ended.
  var parted: Nanoseconds?
  /// How it was with each of the two, a sentence each.
  var sentences: [String] = []

  mutating func meet(_ first: Int, _ second: Int) {
    if self.rivals.isEmpty { self.rivals = [first, second] }
  }
}

extension Simulation {
  /// How long a told run goes on with two pods, and after they have parted.
  private static var longestMeeting: Nanoseconds { .seconds(30) }
  private static var epilogue: Nanoseconds { .seconds(1) }

  /// Whether nothing more is to be told of two pods that met.
  mutating func hasSeenEnough(before next: Nanoseconds) -> Bool {
    guard self.result.violation != nil else { return false }
    if self.evidence.parted == nil,
      self.evidence.rivals.contains(where: { self.nodes[$0].kubelet.running.isEmpty })
    {
      self.evidence.parted = self.now
    }
    let end =
      self.evidence.parted.map { $0 + Self.epilogue }
      ?? self.evidence.violated + Self.longestMeeting
    if next <= end { return false }
    self.now = end
    return true
  }

  /// How it is on the two nodes whose pods have met.
  mutating func collectEvidence() {
    for number in self.evidence.rivals {
      let node = self.nodes[number]
      var sentences: [String] = []
      if let term = node.installedTerm {
        sentences.append(
          self.evidence.termEnds[term].map {
            "its lease, term \(term), had ended at \(Story.instant($0.seconds))"
          } ?? "it held the lease, term \(term), so its pod was to run")
      }
      let gone = node.manifest == nil ? node.manifestGone : nil
      if let due = node.believedUntil, due < gone ?? self.now {
        let until = gone.map { "did so only at \(Story.instant($0.seconds))" } ?? "had not"
        sentences.append(
          "its guard had to remove the manifest by \(Story.instant(due.seconds)), and \(until)"
        )
        self.timeline.add(
          .violation,
          "the guard had to remove the manifest by now, since no renewal is believed any longer, and has not",
          by: .node(number, .guardian), at: due)
      } else if let gone {
        sentences.append("its manifest was gone at \(Story.instant(gone.seconds))")
      } else {
        sentences.append("its manifest was in place")
      }
      if gone != nil { sentences.append("its kubelet had not ended the pod yet") }
      self.evidence.sentences.append("\(node.name): \(sentences.joined(separator: "; ")).")
    }
  }

  /// The run for a reader, of whom nothing but the page is known.
  package var story: Story {
    var story = self.timeline.story
    story.title = "A simulated cluster, seed \(self.seed)"
    story.isWrong = self.result.violation != nil
    story.verdict = self.verdict
    story.facts = self.facts
    return story
  }

  private var verdict: String {
    guard let violation = self.result.violation else {
      return "Nothing went wrong in \(Story.words(self.now.seconds)): never did two nodes run the "
        + "pod at one instant. Leases won: \(self.result.terms), pods started: \(self.result.pods)."
    }
    let at = Story.instant(self.evidence.violated.seconds)
    var sentences = ["\(violation.prefix(1).uppercased() + violation.dropFirst()), at \(at)."]
    if self.evidence.rivals.count == 2 {
      let names = self.evidence.rivals.map { self.nodes[$0].name }.joined(separator: " and ")
      let end = self.evidence.parted ?? self.now
      let time = Story.words((end - self.evidence.violated).seconds)
      let length = self.evidence.parted == nil ? "for longer than \(time)" : "for \(time)"
      sentences = ["\(names) both ran the pod, from \(at) on, \(length)."]
    }
    return (sentences + self.evidence.sentences).joined(separator: " ")
  }

  /// The seed's cluster, a line each.
  private var facts: [String] {
    func words(_ duration: Duration) -> String { Story.words(duration / .seconds(1)) }
    let draw = self.draw
    var facts = [
      "What has to hold: the node whose elector holds the lease has the pod's manifest in place, its "
        + "kubelet runs the pod while it is there, and two nodes never run the pod at one instant. "
        + "On each node a guard removes the manifest when its elector cannot.",
      "\(self.nodes.count) nodes share one lease in a store with etcd's \(draw.api) API. It lasts "
        + "\(draw.ttlSeconds) s unless it is renewed (its TTL); electors look every "
        + "\(words(draw.sleep)) (--sleep).",
      "A kubelet notices a manifest within \(Story.words(draw.detection.seconds)) and gives a pod "
        + "\(Story.words(draw.grace.seconds)) to end.",
    ]
    let faults = self.timeline.story.marks.filter { $0.kind == .fault }
    if self.result.violation != nil {
      facts.append(
        "Faults: "
          + (faults.isEmpty
            ? "none."
            : faults.map { "at \(Story.instant($0.at)) \($0.text)" }.joined(separator: "; ") + "."))
    }
    if draw.clockSkew > 0 {
      facts.append(
        "The clocks of the store's members differ by up to \(Story.words(draw.clockSkew.seconds)).")
    }
    for node in self.nodes {
      let timing = node.timing
      let kubelet =
        !node.asksKubelet
        ? "asks no kubelet" : node.knowsKubelet ? "asks its kubelet" : "finds its kubelet"
      facts.append(
        "\(node.name): --whoami \(node.holder), profile \(timing.profile?.rawValue ?? "none"), its "
          + "guard has to remove the manifest \(words(timing.margin)) before its lease can end, lock-delay "
          + "\(words(timing.lockDelay)), \(kubelet)"
          + (timing.manifestExpires ? ", --manifest-deadline" : ""))
    }
    return facts
  }
}
