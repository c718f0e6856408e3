/// What of the election's reports is news to a person who reads the log: trouble that goes on is told once,
/// and again when it has become another.
struct ElectionNews: Equatable, Sendable {
  private enum Trouble: Hashable { case store, record, source, remove }
  private var told: [Trouble: String] = [:]

  mutating func isNews(_ report: Election.Report) -> Bool {
    switch report {
    case .storeFails(let reason): return self.tell(.store, reason)
    case .recordFails(let reason): return self.tell(.record, reason)
    case .sourceFails(let reason): return self.tell(.source, reason)
    case .cannotRemove(let reason): return self.tell(.remove, reason)
    case .storeAnswersAgain: (self.told[.store], self.told[.record]) = (nil, nil)
    case .acquired, .regained, .lost, .released:
      (self.told[.source], self.told[.remove]) = (nil, nil)
    default: break
    }
    return true
  }

  private mutating func tell(_ trouble: Trouble, _ reason: String) -> Bool {
    defer { self.told[trouble] = reason }
    return self.told[trouble] != reason
  }
}
