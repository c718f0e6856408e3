import EtcdMessages
import Foundation
import NIOCore

/// `etcdserverpb.Maintenance`.
extension Method {
  static let maintenance: [Method] = {
    let service = "etcdserverpb.Maintenance"
    return [
      .unary(service, "Status", at: "/maintenance/status") {
        (services, query: V3StatusRequest, head, reply) throws(RPCStatus) in
        services.status(head, reply)
      },
      .unary(service, "Hash", at: "/maintenance/hash") {
        (services, query: V3HashRequest, head, reply) throws(RPCStatus) in
        try services.checkMaintainer(head)
        try services.hash(at: 0, head) { result in
          reply(
            result.map { revision, hash in
              var message = V3HashResponse()
              message.header = services.header(revision)
              message.hash = hash
              return message
            })
        }
      },
      .unary(service, "HashKV") {
        (services, query: V3HashKVRequest, head, reply) throws(RPCStatus) in
        try services.checkMaintainer(head)
        let compacted = services.store.currentRevisions.compacted
        try services.hash(at: query.revision, head) { result in
          reply(
            result.map { revision, hash in
              var message = V3HashKVResponse()
              message.header = services.header(revision)
              message.hash = hash
              message.compactRevision = compacted
              return message
            })
        }
      },
      .unary(service, "Alarm", at: "/maintenance/alarm") {
        (services, query: V3AlarmRequest, head, reply) throws(RPCStatus) in
        try services.alarm(query, head, reply)
      },
      .unary(service, "Defragment", at: "/maintenance/defragment") {
        (services, query: V3DefragmentRequest, head, reply) throws(RPCStatus) in
        try services.checkMaintainer(head)
        services.store.defragment { problem in
          head.loop.execute {
            reply(
              problem.map { .failure(RPCStatus(.internal, "etcdserver: \($0)")) }
                ?? .success(V3DefragmentResponse()))
          }
        }
      },
      .stream(service, "Snapshot", at: "/maintenance/snapshot") { SnapshotStream($0, $1, $2) },
      .unary(service, "MoveLeader", at: "/maintenance/transfer-leadership") {
        (services, query: V3MoveLeaderRequest, head, reply) throws(RPCStatus) in
        guard query.targetID == services.identity.memberNumber else {
          throw RPCStatus(.failedPrecondition, "etcdserver: bad leader transferee")
        }
        reply(.success(V3MoveLeaderResponse()))
      },
    ]
  }()
}

extension Services {
  /// These methods have a refusal of their own.
  func checkMaintainer(_ head: CallHead) throws(RPCStatus) {
    do throws(RPCStatus) {
      try self.checkAdministrator(head)
    } catch {
      throw error == .permissionDenied
        ? RPCStatus(.unknown, "auth: permission denied") : error
    }
  }

  fileprivate func status(
    _ head: CallHead, _ reply: @escaping CallReply<V3StatusResponse>
  ) {
    let revision = self.store.currentRevisions.revision
    var message = V3StatusResponse()
    message.header = self.header(revision)
    message.version = Identity.etcdVersion
    message.leader = self.identity.memberNumber
    message.raftTerm = Identity.raftTerm
    message.errors = self.store.alarms.current.sorted { $0.rawValue < $1.rawValue }.map {
      "memberID:\(self.identity.memberNumber) alarm:\($0.rawValue) "
    }
    // What grows with each change of either keyspace.
    message.raftIndex = UInt64(revision) + self.store.current.index
    message.raftAppliedIndex = message.raftIndex
    self.store.readAside { [message] in
      var message = message
      let size = self.store.size
      (message.dbSize, message.dbSizeInUse) = (size.file, size.inUse)
      let result = message
      head.loop.execute { reply(.success(result)) }
    }
  }

  fileprivate func alarm(
    _ query: V3AlarmRequest, _ head: CallHead, _ reply: @escaping CallReply<V3AlarmResponse>
  ) throws(RPCStatus) {
    // What the answer shows: all, or the alarm that is asked for.
    let former = self.store.alarms.current
    let asked = Alarms.Alarm(query.alarm)
    let shown = former.filter { asked == nil || $0 == asked }
    func answer(_ alarms: some Collection<Alarms.Alarm>) -> V3AlarmResponse {
      var message = V3AlarmResponse()
      message.alarms = alarms.sorted { $0.rawValue < $1.rawValue }.map { alarm in
        var member = V3AlarmMember()
        member.memberID = self.identity.memberNumber
        member.alarm = V3AlarmType(alarm)
        return member
      }
      return message
    }
    if query.action == .get { return reply(.success(answer(shown))) }
    try self.checkMaintainer(head)
    let isRaised = query.action == .activate
    guard let asked, isRaised || former.contains(asked) else { return reply(.success(answer([]))) }
    let message = answer([asked])
    let alarms = self.store.alarms
    self.store.readAside {
      let result = Result { try alarms.set(asked, isRaised: isRaised) }
      head.loop.execute {
        reply(
          result.map { message }
            .mapError { RPCStatus(.unavailable, "etcdserver: cannot write to disk: \($0)") })
      }
    }
  }

  /// - Throws: for what adds to a store that is full.
  func checkSpace() throws(RPCStatus) {
    guard self.store.alarms.current.contains(.noSpace) else { return }
    throw RPCStatus(.resourceExhausted, "etcdserver: mvcc: database space exceeded")
  }

  /// The hash of all versions up to a revision.
  /// - Parameter revision: 0 for the present.
  /// - Throws: for a revision that cannot be read.
  fileprivate func hash(
    at revision: Int64, _ head: CallHead, _ done: @escaping CallReply<(Int64, UInt32)>
  ) throws(RPCStatus) {
    let (store, tree) = (self.store, self.store.currentRevisions)
    do throws(RevisionError) { try tree.check(revision) } catch { throw RPCStatus(error) }
    store.readAside(isLong: true) {
      let result = Result { () throws(RevisionError) in
        try Self.hash(tree, at: revision) { store.currentRevisions }
      }
      head.loop.execute { done(result.mapError(RPCStatus.init)) }
    }
  }

  /// - Parameter current: the keyspace as it is now.
  static func hash(
    _ tree: RevisionTree, at revision: Int64, _ current: () -> RevisionTree
  ) throws(RevisionError) -> (Int64, UInt32) {
    var tree = tree
    while true {
      do throws(RevisionError) {
        return (tree.revision, try tree.hash(at: revision > 0 ? revision : tree.revision))
      } catch {
        // A compaction meanwhile has given up rows that this tree knows.
        let newer = current()
        guard error == .compacted, newer.compacted > tree.compacted else { throw error }
        try newer.check(revision)
        tree = newer
      }
    }
  }
}

extension Alarms.Alarm {
  /// `nil` for none.
  fileprivate init?(_ type: V3AlarmType) {
    switch type {
    case .nospace: self = .noSpace
    case .corrupt: self = .corrupt
    case .none, .UNRECOGNIZED: return nil
    }
  }
}

extension V3AlarmType {
  fileprivate init(_ alarm: Alarms.Alarm) {
    switch alarm {
    case .noSpace: self = .nospace
    case .corrupt: self = .corrupt
    }
  }
}

/// `grpc.health.v1.Health`.
extension Method {
  static let health: [Method] = [
    .unary("grpc.health.v1.Health", "Check") {
      (services, query: V3HealthCheckRequest, head, reply) throws(RPCStatus) in
      guard query.service.isEmpty else { throw RPCStatus(.notFound, "unknown service") }
      var message = V3HealthCheckResponse()
      message.status = services.store.problem == nil ? .serving : .notServing
      reply(.success(message))
    }
  ]
}
