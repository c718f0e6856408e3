import EtcdClient
import Elector
import KVStore

/// An elector's requests to the store.
extension Simulation {
  mutating func send(_ request: Election.Request, _ elector: SimulatedElector<Core>) {
    let node = elector.node
    let state = self.nodes[node]
    let pending = PendingRequest(
      kind: request.kind, sentAfter: elector.continuity.latest,
      sent: state.clock.reading(at: self.now),
      acknowledged: self.audit.acknowledged)
    let arrival = SimulatedStore.Arrival(
      node: node, incarnation: elector.life, id: request.id,
      operation: Core.operation(for: request.kind, of: state.lock), lock: state.lock)
    if self.draw.api == .v3 {
      self.begin(pending, request.id, elector)
    } else {
      elector.pending[request.id] = pending
      self.toStore(node) { $0.queue { $0.requestArrives(arrival) } }
    }
    // The store may have written the record, and the elector does not learn of it.
    if case .writeRecord = request.kind, state.end(of: .killAtRecord) > self.now {
      self.nodes[node].faultEnds[.killAtRecord] = 0
      self.at(self.now + self.chance.span(1_000_000...100_000_000), elector) {
        if $0.isWell($0.nodes[node].guardian) { $0.endElector(node, .signal(9)) }
      }
    }
    let limit = state.clock.time(
      of: state.clock.reading(at: self.now) + Nanoseconds(state.timing.requestTimeout))
    if self.draw.api == .v3 {
      self.at(limit, elector, afterStop: 0) { $0.timeOut(request.id, elector) }
    } else {
      self.at(limit, elector) { $0.answerArrives(.none("timed out"), to: arrival) }
    }
  }

  /// - Parameter date: the store's clock in whole seconds, in an answer of its own.
  mutating func answerArrives(
    _ answer: Answer, to arrival: SimulatedStore.Arrival, date: Int64? = nil
  ) {
    guard let elector = self.elector(arrival.node, arrival.incarnation),
      let request = elector.pending[arrival.id], request.call == arrival.call
    else { return }
    if request.calls == nil { elector.pending[arrival.id] = nil }
    if let date, answer.isFromStore {
      let received = self.nodes[arrival.node].clock.reading(at: self.now)
      _ = elector.standstill.heard(
        from: SimulatedStore.endpoint, date: date, sent: request.sent.duration,
        received: received.duration)
      let total = elector.standstill.total
      if total > .zero { self.deliver(.stoodStill(total: total), to: elector) }
    }
    if request.calls != nil {
      self.replied(self.reply(in: answer, to: request), to: arrival, elector)
      return
    }
    let meaning = self.meaning(of: answer, to: request, elector)
    self.deliver(.answered(id: arrival.id, meaning), to: elector)
  }

  private mutating func reply(
    in answer: Answer, to request: PendingRequest
  ) -> Result<GatewayReply, EtcdClientError> {
    switch answer {
    case .refused:
      return .failure(.unreachable(endpoint: SimulatedStore.endpoint, reason: "connection refused"))
    case .none(let reason):
      return .failure(.unanswered(endpoint: SimulatedStore.endpoint, reason: reason))
    case .outcome: preconditionFailure("an answer of v2")
    case .reply(let reply, let revision):
      if let revision {
        self.audit.answered(index: revision, sentAfter: request.acknowledged)
      }
      return reply
    }
  }

  private mutating func meaning(
    of answer: Answer, to request: PendingRequest, _ elector: SimulatedElector<Core>
  ) -> Election.Answer {
    let outcome: V2LeaseMeaning.Outcome
    switch answer {
    case .refused:
      outcome = .failure(
        .unreachable(endpoint: SimulatedStore.endpoint, reason: "connection refused"))
    case .none(let reason):
      outcome = .failure(.unanswered(endpoint: SimulatedStore.endpoint, reason: reason))
    case .reply: preconditionFailure("an answer of v3")
    case .outcome(let found):
      outcome = found.answer
      // A failed disk's answer carries no position of the store.
      if case .failure(let error) = outcome, error.isOutcomeUnknown { break }
      self.audit.answered(index: found.index, sentAfter: request.acknowledged)
    }
    return elector.continuity.answer(
      SimulatedStore.outcome(of: request.kind, outcome), to: request.kind,
      sentAfter: request.sentAfter)
  }
}

extension Simulation.Answer {
  /// Whether it says what time it is there.
  fileprivate var isFromStore: Bool {
    switch self {
    case .outcome, .reply: true
    case .refused, .none: false
    }
  }
}
