/// Which reports are worth a line in the log: trouble that goes on is logged once, and again when its reason
/// changes.
struct ElectionNews: Equatable, Sendable {
  private enum Trouble: Hashable { case store, record, source, remove }
  /// The reasons that were logged last.
  private var reasons: [Trouble: String] = [:]

  mutating func isNews(_ report: Election.Report) -> Bool {
    switch report {
    case .storeFails(let reason): return self.isNew(reason, of: .store)
    case .recordFails(let reason): return self.isNew(reason, of: .record)
    case .sourceFails(let reason): return self.isNew(reason, of: .source)
    case .cannotRemove(let reason): return self.isNew(reason, of: .remove)
    case .storeAnswersAgain: (self.reasons[.store], self.reasons[.record]) = (nil, nil)
    case .acquired, .regained, .lost, .released:
      (self.reasons[.source], self.reasons[.remove]) = (nil, nil)
    default: break
    }
    return true
  }

  private mutating func isNew(_ reason: String, of trouble: Trouble) -> Bool {
    defer { self.reasons[trouble] = reason }
    return self.reasons[trouble] != reason
  }
}
