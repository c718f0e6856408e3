import EtcdMessages
import Foundation
import NIOCore

/// `etcdserverpb.Lease`.
extension Method {
  static let leases: [Method] = {
    let service = "etcdserverpb.Lease"
    return [
      .unary(service, "LeaseGrant", at: "/lease/grant") {
        (services, query: V3LeaseGrantRequest, head, reply) throws(RPCStatus) in
        try services.checkSpace()
        services.submit(.grant(id: query.id, ttl: query.ttl), head, reply) { answer, header in
          var message = V3LeaseGrantResponse()
          message.header = header
          if case .granted(let id, let ttl) = answer { (message.id, message.ttl) = (id, ttl) }
          return message
        }
      },
      .unary(service, "LeaseRevoke", at: "/lease/revoke", "/kv/lease/revoke") {
        (services, query: V3LeaseRevokeRequest, head, reply) throws(RPCStatus) in
        try services.checkRight(revoking: query.id, head)
        services.submit(.revoke(query.id), head, reply) { _, header in
          var message = V3LeaseRevokeResponse()
          message.header = header
          return message
        }
      },
      .stream(service, "LeaseKeepAlive", at: "/lease/keepalive") { KeepAliveStream($0, $1, $2) },
      .unary(service, "LeaseTimeToLive", at: "/lease/timetolive", "/kv/lease/timetolive") {
        (services, query: V3LeaseTimeToLiveRequest, head, reply) throws(RPCStatus) in
        let tree = services.store.currentRevisions
        var message = V3LeaseTimeToLiveResponse()
        message.header = services.header(tree.revision)
        message.id = query.id
        message.ttl = -1
        if let lease = tree.lease(query.id, now: services.store.clock.now) {
          message.ttl = lease.remaining
          message.grantedTtl = lease.ttl
          if query.keys { message.keys = lease.keys.map { Data($0.bytes) } }
        }
        reply(.success(message))
      },
      .unary(service, "LeaseLeases", at: "/lease/leases", "/kv/lease/leases") {
        (services, query: V3LeaseLeasesRequest, head, reply) throws(RPCStatus) in
        let tree = services.store.currentRevisions
        var message = V3LeaseLeasesResponse()
        message.header = services.header(tree.revision)
        message.leases = tree.leaseIDsByDeadline.map { id in
          var lease = V3LeaseStatus()
          lease.id = id
          return lease
        }
        reply(.success(message))
      },
    ]
  }()
}

/// A stream of keep-alives, each with its answer. An unknown lease has a TTL of 0, and the stream goes on.
final class KeepAliveStream: CallHandler {
  private let services: Services
  private let head: CallHead
  /// `nil` once the call is over.
  private var answers: (any CallAnswers)?
  private var unanswered = 0
  private var isHalfClosed = false

  init(_ services: Services, _ head: CallHead, _ answers: any CallAnswers) {
    self.services = services
    self.head = head
    self.answers = answers
  }

  func received(_ message: ByteBuffer) {
    do throws(RPCStatus) {
      let id = try self.head.decode(V3LeaseKeepAliveRequest.self, message).id
      self.unanswered += 1
      let bound = NIOLoopBound(self, eventLoop: self.head.loop)
      self.services.submit(.keepAlive(id), self.head) { result in
        bound.value.answer(result)
      } _: { (answer, header) -> V3LeaseKeepAliveResponse in
        var message = V3LeaseKeepAliveResponse()
        message.header = header
        message.id = id
        if case .keptAlive(let ttl?) = answer { message.ttl = ttl }
        return message
      }
    } catch {
      self.answers.take()?.end(error)
    }
  }

  private func answer(_ result: Result<V3LeaseKeepAliveResponse, RPCStatus>) {
    self.unanswered -= 1
    switch result {
    case .success(let message):
      if message.ttl > 0 { self.services.store.calls.renewals.add(1, ordering: .relaxed) }
      self.answers?.send(self.head.encode(message))
    case .failure(let status): self.answers.take()?.end(status)
    }
    self.endIfDone()
  }

  private func endIfDone() {
    if self.isHalfClosed, self.unanswered == 0 { self.answers.take()?.end(.ok) }
  }

  func halfClosed() {
    self.isHalfClosed = true
    self.endIfDone()
  }

  func cancelled() { self.answers = nil }

  func becameWritable() {}
}
