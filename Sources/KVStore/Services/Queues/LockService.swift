import EtcdMessages
import Foundation

/// `v3lockpb.Lock`.
extension Method {
  static let locks: [Method] = {
    let service = "v3lockpb.Lock"
    return [
      .stream(service, "Lock", at: "/lock/lock", answers: .once) { services, head, answers in
        QueueCall(services, head, answers) { (query: V3LockRequest) in
          .init(name: query.name, lease: query.lease)
        } _: { head, entry in
          var message = V3LockResponse()
          message.header = entry.header
          message.key = Data(entry.key.bytes)
          return head.encode(message)
        }
      },
      .unary(service, "Unlock", at: "/lock/unlock") {
        (services, query: V3UnlockRequest, head, reply: @escaping CallReply<V3UnlockResponse>)
          throws(RPCStatus) in
        let range = KeyRange(RevisionKey(query.key), end: RevisionKey([]))
        try services.checkRight(DeleteRequest(range), head)
        services.submitToQueue(.delete(DeleteRequest(range)), head, reply) { _, header in
          var message = V3UnlockResponse()
          message.header = header
          return .success(message)
        }
      },
    ]
  }()
}

extension Services {
  /// Hands a request to the writer. The services of locks and elections have one code for all errors.
  func submitToQueue<Answer>(
    _ command: RevisionCommand, _ head: CallHead,
    _ reply: @escaping CallReply<Answer>,
    _ answer:
      @escaping @Sendable (RevisionOutcome.Answer, V3ResponseHeader) -> Result<Answer, RPCStatus>
  ) {
    self.store.submit(command, on: head.loop) { result in
      switch result {
      case .success(let outcome): reply(answer(outcome.answer, self.header(outcome.revision)))
      case .failure(let error): reply(.failure(RPCStatus(.unknown, error.text)))
      }
    }
  }
}
