import EtcdMessages
import NIOCore

/// The services of the v3 API over one store: what all their methods need. Each call holds it, so it is an object.
final class Services: CallTable {
  let store: Store
  let identity: Identity
  let limits: CallLimits
  let methods = MethodTable.standard

  init(store: Store, identity: Identity, limits: CallLimits = CallLimits()) {
    (self.store, self.identity, self.limits) = (store, identity, limits)
  }

  func handler(
    _ path: String, _ head: CallHead, _ answers: any CallAnswers
  ) throws(RPCStatus) -> any CallHandler {
    self.makeHandler(try self.methods.method(path), head, answers)
  }

  func makeHandler(
    _ method: Method, _ head: CallHead, _ answers: any CallAnswers
  ) -> any CallHandler {
    var head = head
    head.tally = self.store.calls[method]
    head.tally?.started.add(1, ordering: .relaxed)
    return method.makeHandler(self, head, answers)
  }

  /// - Parameter revision: the keyspace's; `nil` where the API shows none.
  func header(_ revision: Int64?) -> V3ResponseHeader {
    var header = V3ResponseHeader()
    header.clusterID = self.identity.clusterNumber
    header.memberID = self.identity.memberNumber
    header.revision = revision ?? 0
    header.raftTerm = Identity.raftTerm
    return header
  }

  // MARK: Who may do it

  /// - Throws: for a call without a user while users are needed, and for a user without the right.
  func check(
    _ head: CallHead, _ isAllowed: (AccessRules, String) -> Bool
  ) throws(RPCStatus) {
    // A token that is none is refused even while no user is needed, as with etcd.
    guard self.store.access.isEnabled || head.token?.isEmpty == false else { return }
    let user = try self.store.access.user(of: head)
    guard isAllowed(self.store.access.current, user) else { throw .permissionDenied }
  }

  func checkAdministrator(_ head: CallHead) throws(RPCStatus) {
    try self.check(head) { $0.isRoot($1) }
  }

  // MARK: Changes

  /// Hands a request to the writer.
  /// - Parameter answer: makes the call's answer of what became of it; on the call's event loop.
  func submit<Answer>(
    _ command: RevisionCommand, _ head: CallHead,
    _ reply: @escaping CallReply<Answer>,
    _ answer: @escaping @Sendable (RevisionOutcome.Answer, V3ResponseHeader) -> Answer
  ) {
    self.store.submit(command, on: head.loop) { result in
      reply(
        result.mapError(RPCStatus.init).map { answer($0.answer, self.header($0.revision)) })
    }
  }
}
