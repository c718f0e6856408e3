import Stories
import TestCluster

/// The recordings of campaigns as stories: what was done, and how it is judged.
extension FailureResult {
  /// - Parameters:
  ///   - recording: of the row.
  ///   - row: what was played.
  ///   - allowsOverlap: whether two pods for a while are no failure.
  package func judged(_ recording: Story, of row: FailureRow, allowsOverlap: Bool) -> Story {
    var story = recording
    story.title = "\(self.row) on \(self.store)"
    story.facts =
      ["What is done: \(row.fault).", "What has to follow: \(self.expected)."] + story.facts
    if allowsOverlap, !self.isFailed {
      for index in story.marks.indices where story.marks[index].kind == .violation {
        story.marks[index].kind = .event
        story.marks[index].text += ", which this row allows"
      }
    }
    let hasTwo = story.marks.contains { $0.kind == .violation }
    switch self.verdict {
    case .ok where hasTwo: story.isWrong = true
    case .ok:
      story.isWrong = false
      story.verdict = "As it has to be: \(self.expected). \(self.measured)"
    case .failed(let problems):
      story.isWrong = true
      story.verdict = "Not as it has to be: \(problems.joined(separator: "; ")). \(self.measured)"
    case .skipped(let reason): story.verdict = "Not played: \(reason)."
    }
    return story
  }

  /// What the table's columns say.
  private var measured: String {
    func seconds(_ duration: Duration) -> String { "\(duration.inSeconds(decimals: 2)) s" }
    var parts: [String] = []
    if let gone = self.facts.goneAfter {
      parts.append("the leader's manifest was gone after \(seconds(gone))")
    }
    if let takeover = self.facts.takeover {
      parts.append("the next one came after \(seconds(takeover))")
    }
    if self.facts.podOverlap > .zero {
      parts.append("two pods ran at once for \(seconds(self.facts.podOverlap))")
    }
    return parts.isEmpty ? "" : "Measured: \(parts.joined(separator: ", "))."
  }
}

extension ChaosReport {
  /// How many broken rules a verdict names.
  private static let mostNamed = 3

  /// - Parameters:
  ///   - recording: of the run.
  ///   - seed: of its faults.
  package func judged(_ recording: Story, seed: UInt64) -> Story {
    var story = recording
    let violations = self.violations
    story.title = "Random faults, seed \(seed)"
    story.isWrong = !violations.isEmpty || story.marks.contains { $0.kind == .violation }
    let faults = self.bursts.map(\.kinds.count).reduce(0, +)
    let bursts = self.bursts.count == 1 ? "one burst" : "\(self.bursts.count) bursts"
    let played = "\(faults) faults in \(bursts), \(self.log.looks) looks"
    if violations.isEmpty {
      if !story.isWrong { story.verdict = "Everything was as promised: \(played), never two pods." }
    } else {
      let more = violations.count - Self.mostNamed
      story.verdict =
        violations.prefix(Self.mostNamed).joined(separator: "; ")
        + (more > 0 ? "; and \(more) more" : "") + ". Played: \(played)."
    }
    story.facts.insert(
      "After each burst everything heals, and one pod of each role has to run within "
        + "\(self.bound.inSeconds(decimals: 2)) s.", at: 0)
    return story
  }
}

extension ChaosFault {
  /// The number of the master that it hits; `nil` for one of the store's members.
  var master: Int? {
    switch self {
    case .cut(let host, _, _), .lose(let host, _), .delay(let host, _):
      if case .master(let number) = host { number } else { nil }
    case .kill(let target), .pause(let target):
      switch target {
      case .elector(let node, _), .guardian(let node, _), .kubelet(let node): node
      case .member: nil
      }
    case .stop(let node, _), .setClock(let node, _): node
    }
  }
}
