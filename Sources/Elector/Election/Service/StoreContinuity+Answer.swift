import EtcdClient

/// The answer of a store's client to a request.
package enum LeaseOutcome: Sendable {
  case lease(LeaseAnswer)
  case record(SideAnswer)
  case failure(EtcdClientError)
}

/// What a store's answers mean to an election. An answer from another store, or from an older copy of the
/// same store, shows nothing about a lease that we hold.
extension StoreContinuity {
  /// Takes in the answer of a client.
  package mutating func answer(
    _ outcome: LeaseOutcome, to request: Election.Request.Kind, sentAfter sent: StorePosition?
  ) -> Election.Answer {
    switch outcome {
    case .lease(let answer):
      Election.Answer(answer, to: request, self.observe(answer.position, sentAfter: sent))
    case .record(let answer): self.answer(answer, sentAfter: sent)
    case .failure(let error) where error.isOutcomeUnknown: .unanswered(reason: error.description)
    case .failure(let error): .failed(reason: error.description)
    }
  }

  /// Takes in an answer about the record. Only the lock key may show that the store is another one, since
  /// the lease goes with it; until then the record of another store shows nothing.
  private mutating func answer(
    _ answer: SideAnswer, sentAfter sent: StorePosition?
  ) -> Election.Answer {
    var continuity = self
    guard continuity.observe(answer.position, sentAfter: sent) == .continues else {
      return .unanswered(reason: "the store is not the one it was")
    }
    self = continuity
    switch answer.fact {
    case .absent: return .recordAbsent
    case .found(let value, let modifiedIndex):
      return .recordFound(TermRecord(json: value), modifiedIndex: modifiedIndex)
    case .written(let modifiedIndex): return .recordWritten(modifiedIndex: modifiedIndex)
    case .conditionFailed: return .changed
    }
  }
}

extension Election.Answer {
  /// In another store, or in an older copy of the known one, the key of our lease is absent, at an index
  /// before all that the election has seen.
  init(
    _ answer: LeaseAnswer, to request: Election.Request.Kind, _ verdict: StoreContinuity.Verdict
  ) {
    let index = answer.position.index
    switch (verdict, request) {
    case (.replaced, .read), (.replaced, .renew), (.replaced, .release):
      self = .absent(index: 0)
      return
    case (.wentBack, .renew), (.wentBack, .release):
      self = .absent(index: index)
      return
    case (.continues, _), (.wentBack, .read), (_, .create),
      (_, .readRecord), (_, .writeRecord):
      break
    }
    switch answer.fact {
    case .absent: self = .absent(index: index)
    case .held(let holder, let remaining):
      self = .found(holder, index: index, remaining: remaining)
    case .granted(let term, let modifiedIndex):
      self = .granted(term: term, modifiedIndex: modifiedIndex)
    case .released: self = .released(index: index)
    case .exists: self = .exists
    case .changed: self = .changed
    }
  }
}
