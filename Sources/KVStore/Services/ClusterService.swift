import EtcdMessages
import Foundation
import SwiftProtobuf

/// `etcdserverpb.Cluster`: one member, which no call changes.
extension Method {
  static let cluster: [Method] = {
    [
      .unary("etcdserverpb.Cluster", "MemberList", at: "/cluster/member/list") {
        (services, query: V3MemberListRequest, head, reply) throws(RPCStatus) in
        var message = V3MemberListResponse()
        message.header = services.header(nil)
        message.members = [services.identity.member(reachedAt: head.localAddress)]
        reply(.success(message))
      },
      .fixed("MemberAdd", at: "/cluster/member/add", V3MemberAddResponse.self) {
        (_, query: V3MemberAddRequest) throws(RPCStatus) in
        try Services.checkURLs(query.peerUrls)
      },
      .fixed("MemberRemove", at: "/cluster/member/remove", V3MemberRemoveResponse.self) {
        (services, query: V3MemberRemoveRequest) throws(RPCStatus) in
        try services.checkMember(query.id)
      },
      .fixed("MemberUpdate", at: "/cluster/member/update", V3MemberUpdateResponse.self) {
        (services, query: V3MemberUpdateRequest) throws(RPCStatus) in
        try Services.checkURLs(query.peerUrls)
        try services.checkMember(query.id)
      },
      .fixed("MemberPromote", at: "/cluster/member/promote", V3MemberPromoteResponse.self) {
        (services, query: V3MemberPromoteRequest) throws(RPCStatus) in
        try services.checkMember(query.id)
        throw RPCStatus(.failedPrecondition, "etcdserver: can only promote a learner member")
      },
    ]
  }()

  /// A method that would change the members: it is refused.
  /// - Parameter check: throws a better reason, if there is one.
  private static func fixed<Query: Message, Answer: Message>(
    _ name: String, at path: String, _ answer: Answer.Type,
    check: @escaping @Sendable (Services, Query) throws(RPCStatus) -> Void
  ) -> Method {
    .unary("etcdserverpb.Cluster", name, at: path) {
      (services, query: Query, _, _: @escaping CallReply<Answer>) throws(RPCStatus) in
      try check(services, query)
      throw .fixedMembers
    }
  }
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
