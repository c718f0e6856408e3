import EtcdMessages
import Foundation

/// `etcdserverpb.Cluster`: one member, which no call changes.
extension Method {
  static let cluster: [Method] = {
    let service = "etcdserverpb.Cluster"
    return [
      .unary(service, "MemberList", at: "/cluster/member/list") {
        (services, query: V3MemberListRequest, head, reply) throws(RPCStatus) in
        var message = V3MemberListResponse()
        message.header = services.header(nil)
        message.members = [services.identity.member(reachedAt: head.localAddress)]
        reply(.success(message))
      },
      .unary(service, "MemberAdd", at: "/cluster/member/add") {
        (services, query: V3MemberAddRequest, head, reply: @escaping CallReply<V3MemberAddResponse>)
          throws(RPCStatus) in
        try Services.checkURLs(query.peerUrls)
        throw .fixedMembers
      },
      .unary(service, "MemberRemove", at: "/cluster/member/remove") {
        (
          services, query: V3MemberRemoveRequest, head,
          reply: @escaping CallReply<V3MemberRemoveResponse>
        ) throws(RPCStatus) in
        try services.checkMember(query.id)
        throw .fixedMembers
      },
      .unary(service, "MemberUpdate", at: "/cluster/member/update") {
        (
          services, query: V3MemberUpdateRequest, head,
          reply: @escaping CallReply<V3MemberUpdateResponse>
        ) throws(RPCStatus) in
        try Services.checkURLs(query.peerUrls)
        try services.checkMember(query.id)
        throw .fixedMembers
      },
      .unary(service, "MemberPromote", at: "/cluster/member/promote") {
        (
          services, query: V3MemberPromoteRequest, head,
          reply: @escaping CallReply<V3MemberPromoteResponse>
        ) throws(RPCStatus) in
        try services.checkMember(query.id)
        throw RPCStatus(.failedPrecondition, "etcdserver: can only promote a learner member")
      },
    ]
  }()
}

extension RPCStatus {
  fileprivate static let fixedMembers = RPCStatus(
    .failedPrecondition,
    "etcdserver: re-configuration failed due to not enough started members (kvstore is one member)")
}

extension Services {
  fileprivate func checkMember(_ id: UInt64) throws(RPCStatus) {
    guard id == self.identity.memberNumber else {
      throw RPCStatus(.notFound, "etcdserver: member not found")
    }
  }

  fileprivate static func checkURLs(_ urls: [String]) throws(RPCStatus) {
    let areValid = urls.allSatisfy { text in
      guard let url = URL(string: text) else { return false }
      return ["http", "https"].contains(url.scheme) && url.host() != nil && url.port != nil
    }
    guard areValid, !urls.isEmpty else {
      throw RPCStatus(.invalidArgument, "etcdserver: given member URLs are invalid")
    }
  }
}

extension Identity {
  /// - Parameter address: the address that the client has connected to.
  fileprivate func member(reachedAt address: String?) -> V3Member {
    var member = V3Member()
    member.id = self.memberNumber
    member.name = self.name
    member.clientUrls = self.clients.map { $0.url(reachedAt: address) }
    // Nothing listens for peers. etcd always shows such addresses, and there are clients that want some.
    member.peerUrls = member.clientUrls
    return member
  }
}
