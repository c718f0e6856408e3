/// What an elector has asked its guard for and waits for, as a value.
///
/// What always holds:
/// 1. Each request gets one conclusion: an answer, silence up to the limit of its sender, or the guard's
///    loss.
/// 2. A guard that leaves a request unanswered for too long is lost, also when its sender waits no longer.
/// 3. The senders learn of the loss when the connection is closed, not before: what the guard has yet to
///    read must not be carried out then.
/// 4. A guard that is lost is asked for nothing.
package struct GuardRequests: Equatable, Sendable {
  package enum Conclusion: Equatable, Sendable {
    case answered(GuardAnswer.Result)
    /// The sender's limit has passed. What became of the request is unknown.
    case silent
    case lost(GuardLost)
  }

  private var lastID: UInt32 = 0
  /// The requests without an answer, and whether their senders still wait.
  private var open: [UInt32: Bool] = [:]
  /// Why the connection is about to be closed.
  private var suspicion: GuardLost?
  package private(set) var loss: GuardLost?

  package init() {}

  /// - Returns: what to send; `nil` when the guard is lost.
  package mutating func send(_ kind: GuardRequest.Kind, manifest: UInt16 = 0) -> GuardRequest? {
    guard self.loss == nil else { return nil }
    self.lastID &+= 1
    self.open[self.lastID] = true
    return GuardRequest(id: self.lastID, manifest: manifest, kind)
  }

  /// - Returns: what the sender learns; `nil` when it waits no longer.
  package mutating func answered(_ answer: GuardAnswer) -> Conclusion? {
    self.open.removeValue(forKey: answer.id) == true ? .answered(answer.result) : nil
  }

  /// The sender's limit has passed. The request stays open, since its answer shows that the guard lives.
  /// - Returns: what the sender learns; `nil` when it has had its answer.
  package mutating func reachedLimit(of id: UInt32) -> Conclusion? {
    guard self.open[id] == true else { return nil }
    self.open[id] = false
    return .silent
  }

  /// A request has been open for as long as a guard may take.
  /// - Returns: whether to close the connection.
  package mutating func ranOutOfPatience(with id: UInt32, after patience: Duration) -> Bool {
    guard self.open[id] != nil, self.loss == nil else { return false }
    if self.suspicion == nil { self.suspicion = .silent(for: patience) }
    return true
  }

  /// The connection is closed, by whichever side.
  /// - Returns: the requests whose senders learn of the loss now, in their order.
  package mutating func closed() -> (ids: [UInt32], loss: GuardLost) {
    let loss = self.loss ?? self.suspicion ?? .closed
    self.loss = loss
    defer { self.open = [:] }
    return (self.open.filter(\.value).keys.sorted(), loss)
  }
}
