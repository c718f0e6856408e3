import Elector
import EtcdClient
import KVStore

/// An elector's requests to the store.
extension Simulation {
  mutating func send(_ request: Election.Request, _ node: Int) {
    guard let elector = self.nodes[node].elector else { return }
    let state = self.nodes[node]
    self.nodes[node].elector?.pending[request.id] = PendingRequest(
      kind: request.kind, sentAfter: elector.answers.latest,
      acknowledged: self.audit.acknowledged)
    let arrival = SimulatedStore.Arrival(
      node: node, incarnation: elector.life, id: request.id,
      operation: Core.operation(for: request.kind, of: state.lock), lock: state.lock)
    self.toStore(node) { .requestArrives(arrival) }
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
    let outcome: SimulatedStore.Outcome
    switch answer {
    case .refused: return .failed(reason: "connection refused")
    case .none(let reason): return .unanswered(reason: reason)
    case .outcome(let found): outcome = found
    }
    guard var answers = self.nodes[node].elector?.answers else {
      return .unanswered(reason: "nobody asked")
    }
    let result: (answer: Election.Answer, index: UInt64)?
    switch request.kind {
    case .readRecord, .writeRecord:
      result = outcome.sideAnswer(isRead: request.kind == .readRecord).map { answer in
        (answers.take(answer, sentAfter: request.sentAfter), answer.position.index)
      }
    case .read, .create, .renew, .release:
      result = outcome.leaseAnswer(to: LeaseRequestKind(request.kind)).map { answer in
        (
          answers.take(answer, to: request.kind, sentAfter: request.sentAfter),
          answer.position.index
        )
      }
    }
    self.nodes[node].elector?.answers = answers
    // Only a disk that fails is told of in such a way: perhaps applied, for all that a client knows.
    guard let result else { return .unanswered(reason: "300 Raft Internal Error") }
    self.audit.answered(index: result.index, sentAfter: request.acknowledged)
    return result.answer
  }
}
