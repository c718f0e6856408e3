import EtcdMessages
import Foundation
import NIOCore

/// `v3electionpb.Election`.
extension Method {
  static let elections: [Method] = {
    let service = "v3electionpb.Election"
    return [
      .stream(service, "Campaign", at: "/election/campaign", answers: .once) {
        services, head, answers in
        QueueCall(services, head, answers) { (query: V3CampaignRequest) in
          .init(name: query.name, lease: query.lease, value: query.value)
        } _: { head, entry in
          var message = V3CampaignResponse()
          message.header = entry.header
          message.leader.name = entry.name
          message.leader.key = Data(entry.key.bytes)
          message.leader.rev = entry.bornAt
          message.leader.lease = entry.lease
          return head.encode(message)
        }
      },
      .unary(service, "Proclaim", at: "/election/proclaim") {
        (services, query: V3ProclaimRequest, head, reply: @escaping CallReply<V3ProclaimResponse>)
          throws(RPCStatus) in
        guard query.hasLeader else { throw .noLeaderField }
        var put = PutRequest(RevisionKey(query.leader.key), value: Array(query.value))
        put.lease = query.leader.lease
        let request = Queue.ifBorn(put.key, at: query.leader.rev, .put(put))
        try services.checkRight(request, head)
        services.submitToQueue(.txn(request), head, reply) { answer, header in
          guard case .txn(let answer) = answer, answer.hasSucceeded else {
            return .failure(RPCStatus(.unknown, "election: not leader"))
          }
          var message = V3ProclaimResponse()
          message.header = header
          return .success(message)
        }
      },
      .unary(service, "Leader", at: "/election/leader") {
        (services, query: V3LeaderRequest, head, reply: @escaping CallReply<V3LeaderResponse>)
          throws(RPCStatus) in
        try services.checkRight(RangeRequest(Queue(name: query.name).range), head)
        let tree = services.store.currentRevisions
        guard let first = Queue(name: query.name).first(in: tree) else {
          throw RPCStatus(.unknown, "election: no leader")
        }
        reply(.success(services.leader(first, tree)))
      },
      .stream(service, "Observe", at: "/election/observe") { ObserveStream($0, $1, $2) },
      .unary(service, "Resign", at: "/election/resign") {
        (services, query: V3ResignRequest, head, reply: @escaping CallReply<V3ResignResponse>)
          throws(RPCStatus) in
        guard query.hasLeader else { throw .noLeaderField }
        let key = RevisionKey(query.leader.key)
        let range = KeyRange(key, end: RevisionKey([]))
        let request = Queue.ifBorn(key, at: query.leader.rev, .delete(DeleteRequest(range)))
        try services.checkRight(request, head)
        services.submitToQueue(.txn(request), head, reply) { _, header in
          var message = V3ResignResponse()
          message.header = header
          return .success(message)
        }
      },
    ]
  }()
}

extension RPCStatus {
  fileprivate static let noLeaderField = RPCStatus(.unknown, "\"leader\" field must be provided")
}

extension Services {
  fileprivate func leader(_ pair: KeyValue, _ tree: RevisionTree) -> V3LeaderResponse {
    var message = V3LeaderResponse()
    message.header = self.header(tree.revision)
    message.kv = V3KeyValue(pair)
    return message
  }
}

/// Tells who leads, and each change of it. A client that does not read gets the present leader once it does.
private final class ObserveStream: CallHandler {
  private let services: Services
  private let head: CallHead
  /// `nil` once the call is over.
  private var answers: (any CallAnswers)?
  private var queue: Queue?
  private var watch: UInt64?
  private var told: KeyValue?

  init(_ services: Services, _ head: CallHead, _ answers: any CallAnswers) {
    self.services = services
    self.head = head
    self.answers = answers
  }

  func received(_ message: ByteBuffer) {
    guard self.queue == nil else { return }
    do throws(RPCStatus) {
      let queue = Queue(name: try self.head.decode(V3LeaderRequest.self, message).name)
      try self.services.checkRight(RangeRequest(queue.range), self.head)
      self.queue = queue
      let bound = NIOLoopBound(self, eventLoop: self.head.loop)
      self.watch =
        self.services.store.watchRevisions(queue.range, on: self.head.loop) { _ in
          bound.value.tell()
        }.id
      self.tell()
    } catch {
      self.answers.take()?.end(error)
    }
  }

  private func tell() {
    guard let answers = self.answers, answers.isWritable, let queue = self.queue else { return }
    let tree = self.services.store.currentRevisions
    guard let first = queue.first(in: tree), first != self.told else { return }
    self.told = first
    answers.send(self.head.encode(self.services.leader(first, tree)))
  }

  private func finish() -> (any CallAnswers)? {
    if let watch = self.watch.take() { self.services.store.unwatchRevisions(watch) }
    return self.answers.take()
  }

  func halfClosed() {}

  func cancelled() { _ = self.finish() }

  func becameWritable() { self.tell() }

  func serverStops() { self.finish()?.end(.serverStopped) }
}
