import Elector
import EtcdClient
import KVStore

/// An elector's requests to the store.
extension Simulation {
  mutating func send(_ request: Election.Request, _ elector: SimulatedElector<Core>) {
    let node = elector.node
    let state = self.nodes[node]
    elector.pending[request.id] = PendingRequest(
      kind: request.kind, sentAfter: elector.continuity.latest,
      acknowledged: self.audit.acknowledged)
    let arrival = SimulatedStore.Arrival(
      node: node, incarnation: elector.life, id: request.id,
      operation: Core.operation(for: request.kind, of: state.lock), lock: state.lock)
    self.toStore(node) { $0.queue { $0.requestArrives(arrival) } }
    // The store may have written the record, and the elector does not learn of it.
    if case .writeRecord = request.kind, state.killsAtRecordUntil > self.now {
      self.nodes[node].killsAtRecordUntil = 0
      self.at(self.now + self.chance.span(1_000_000...100_000_000), elector) {
        if $0.isWell($0.nodes[node].guardian) { $0.endElector(node, .signal(9)) }
      }
    }
    let limit = state.clock.time(
      of: state.clock.reading(at: self.now) + Nanoseconds(state.timing.requestTimeout))
    self.agenda.add({ $0.answerArrives(.none("timed out"), to: arrival) }, at: limit)
  }

  mutating func answerArrives(_ answer: Answer, to arrival: SimulatedStore.Arrival) {
    guard let elector = self.elector(arrival.node, arrival.incarnation),
      let request = elector.pending.removeValue(forKey: arrival.id)
    else { return }
    let meaning = self.meaning(of: answer, to: request, elector)
    self.deliver(.answered(id: arrival.id, meaning), to: elector)
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
