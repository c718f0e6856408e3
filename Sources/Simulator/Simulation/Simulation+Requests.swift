import Elector
import EtcdClient
import KVStore

/// An elector's requests to the store.
extension Simulation {
  mutating func send(_ request: Election.Request, _ node: Int) {
    guard let elector = self.nodes[node].elector else { return }
    let state = self.nodes[node]
    self.nodes[node].elector?.pending[request.id] = PendingRequest(
      kind: request.kind, sentAfter: elector.continuity.latest,
      acknowledged: self.audit.acknowledged)
    let arrival = SimulatedStore.Arrival(
      node: node, incarnation: elector.life, id: request.id,
      operation: Core.operation(for: request.kind, of: state.lock), lock: state.lock)
    self.toStore(node) { .requestArrives(arrival) }
    // The store may have written the record, and the elector does not learn of it.
    if case .writeRecord = request.kind, state.killsAtRecordUntil > self.now {
      self.nodes[node].killsAtRecordUntil = 0
      self.agenda.add(
        .electorDies(node, life: elector.life),
        at: self.now + self.chance.span(1_000_000...100_000_000))
    }
    let limit = self.nodes[node].clock.time(
      of: state.clock.reading(at: self.now) + Nanoseconds(state.timing.requestTimeout))
    self.agenda.add(
      .answerArrives(node, life: elector.life, id: request.id, .none("timed out")), at: limit)
  }

  mutating func answerArrives(_ node: Int, _ life: Int, _ id: Int, _ answer: Answer) {
    guard self.elector(node, life) != nil,
      let request = self.nodes[node].elector?.pending.removeValue(forKey: id)
    else { return }
    self.deliver(
      .answered(id: id, self.meaning(of: answer, to: request, node)), toElector: node, life)
  }

  private mutating func meaning(
    of answer: Answer, to request: PendingRequest, _ node: Int
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
    guard let elector = self.nodes[node].elector else { return .unanswered(reason: "gone") }
    return elector.continuity.answer(
      SimulatedStore.outcome(of: request.kind, outcome), to: request.kind,
      sentAfter: request.sentAfter)
  }
}
