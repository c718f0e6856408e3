import EtcdClient

/// What a store's answers mean to the election, as a value: it remembers how far the store was, and so
/// finds out that it is another one, or an older copy of the one that it was.
package struct LeaseAnswers: Equatable, Sendable {
  private var continuity = StoreContinuity()

  package init() {}

  /// The furthest that the store is known to have been; to be asked for when a request is sent.
  package var latest: StorePosition? { self.continuity.latest }

  /// What the client of a store says to a request.
  package enum Outcome: Sendable {
    case lease(LeaseAnswer)
    case record(SideAnswer)
    case failure(EtcdClientError)
  }

  /// Takes in what a client says.
  package mutating func take(
    _ outcome: Outcome, to request: Election.Request.Kind, sentAfter sent: StorePosition?
  ) -> Election.Answer {
    switch outcome {
    case .lease(let answer): self.take(answer, to: request, sentAfter: sent)
    case .record(let answer): self.take(answer, sentAfter: sent)
    case .failure(let error) where error.isOutcomeUnknown: .unanswered(reason: error.description)
    case .failure(let error): .failed(reason: error.description)
    }
  }

  /// Takes in an answer about the lock key.
  package mutating func take(
    _ answer: LeaseAnswer, to request: Election.Request.Kind, sentAfter sent: StorePosition?
  ) -> Election.Answer {
    Election.Answer(
      answer, to: request, self.continuity.observe(answer.position, sentAfter: sent))
  }

  /// Takes in an answer about the record. That the store is another one only the lock key may tell, since
  /// the lease goes with it; until then its record says nothing.
  package mutating func take(
    _ answer: SideAnswer, sentAfter sent: StorePosition?
  ) -> Election.Answer {
    var continuity = self.continuity
    guard continuity.observe(answer.position, sentAfter: sent) == .continues else {
      return .unanswered(reason: "the store is not the one it was")
    }
    self.continuity = continuity
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
  /// Another store, or an older copy of the one we know, has nothing to say about a lease that we hold:
  /// to the election there is no such key there, at an index before all that it has seen.
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
    case .held(let holder): self = .found(Holder(holder), index: index, remaining: holder.remaining)
    case .granted(let token, let modifiedIndex):
      self = .granted(term: token, modifiedIndex: modifiedIndex)
    case .released: self = .released(index: index)
    case .exists: self = .exists
    case .changed: self = .changed
    }
  }
}

extension Election.Change {
  /// What a watch has seen.
  package init(_ outcome: Result<KeyChange, EtcdClientError>) {
    self =
      switch outcome {
      case .success(.written(let holder)): .written(Holder(holder))
      case .success(.removed(let index)): .removed(index: index)
      case .success(.historyCleared): .historyCleared
      case .failure(let error): .broken(reason: error.description)
      }
  }
}

extension Holder {
  package init(_ holder: KeyHolder) {
    self.init(name: holder.value, term: holder.token, modifiedIndex: holder.modifiedIndex)
  }
}
