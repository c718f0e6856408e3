import EtcdMessages
import Foundation
import NIOCore
import SwiftProtobuf
import Synchronization

/// `etcdserverpb.Auth`.
extension Method {
  static let auth: [Method] = {
    let service = "etcdserverpb.Auth"
    return [
      .change(service, "AuthEnable", at: "/auth/enable", \V3AuthEnableResponse.header) {
        (_: V3AuthEnableRequest) in .enable
      },
      .change(service, "AuthDisable", at: "/auth/disable", \V3AuthDisableResponse.header) {
        (_: V3AuthDisableRequest) in .disable
      },
      .stream(service, "Authenticate", at: "/auth/authenticate", answers: .once) {
        AuthenticateCall($0, $1, $2)
      },
      .password(service, "UserAdd", at: "/auth/user/add", \V3AuthUserAddResponse.header) {
        (query: V3AuthUserAddRequest) in
        (
          query.options.noPassword ? nil : query.password,
          { .addUser(query.name, passwordHash: $0) }
        )
      },
      .change(service, "UserDelete", at: "/auth/user/delete", \V3AuthUserDeleteResponse.header) {
        (query: V3AuthUserDeleteRequest) in .deleteUser(query.name)
      },
      .password(
        service, "UserChangePassword", at: "/auth/user/changepw",
        \V3AuthUserChangePasswordResponse.header
      ) { (query: V3AuthUserChangePasswordRequest) in
        (query.password, { .setPassword(query.name, hash: $0) })
      },
      .change(service, "UserGrantRole", at: "/auth/user/grant", \V3AuthUserGrantRoleResponse.header)
      { (query: V3AuthUserGrantRoleRequest) in .grantRole(query.role, to: query.user) },
      .change(
        service, "UserRevokeRole", at: "/auth/user/revoke", \V3AuthUserRevokeRoleResponse.header
      ) { (query: V3AuthUserRevokeRoleRequest) in .revokeRole(query.role, from: query.name) },
      .change(service, "RoleAdd", at: "/auth/role/add", \V3AuthRoleAddResponse.header) {
        (query: V3AuthRoleAddRequest) in .addRole(query.name)
      },
      .change(service, "RoleDelete", at: "/auth/role/delete", \V3AuthRoleDeleteResponse.header) {
        (query: V3AuthRoleDeleteRequest) in .deleteRole(query.role)
      },
      .change(
        service, "RoleGrantPermission", at: "/auth/role/grant",
        \V3AuthRoleGrantPermissionResponse.header
      ) { (query: V3AuthRoleGrantPermissionRequest) throws(RPCStatus) in
        .grantPermission(try .init(query), to: query.name)
      },
      .change(
        service, "RoleRevokePermission", at: "/auth/role/revoke",
        \V3AuthRoleRevokePermissionResponse.header
      ) { (query: V3AuthRoleRevokePermissionRequest) in
        .revokePermission(
          key: Array(query.key), end: Array(query.rangeEnd), from: query.role)
      },
    ] + Self.authReads
  }()

  private static let authReads: [Method] = {
    let service = "etcdserverpb.Auth"
    return [
      .unary(service, "UserGet", at: "/auth/user/get") {
        (services, query: V3AuthUserGetRequest, head, reply) throws(RPCStatus) in
        try services.check(head) { $0.isRoot($1) || $1 == query.name }
        guard let user = services.store.access.current.users[query.name] else {
          throw .userNotFound
        }
        var message = V3AuthUserGetResponse()
        message.header = services.presentHeader
        message.roles = user.roles
        reply(.success(message))
      },
      .unary(service, "UserList", at: "/auth/user/list") {
        (services, query: V3AuthUserListRequest, head, reply) throws(RPCStatus) in
        try services.checkAdministrator(head)
        var message = V3AuthUserListResponse()
        message.header = services.presentHeader
        message.users = services.store.access.current.users.keys.sorted(by: AccessRules.isBefore)
        reply(.success(message))
      },
      .unary(service, "RoleGet", at: "/auth/role/get") {
        (services, query: V3AuthRoleGetRequest, head, reply) throws(RPCStatus) in
        try services.check(head) { rules, user in
          rules.isRoot(user) || rules.users[user]?.roles.contains(query.role) == true
        }
        guard let role = services.store.access.current.roles[query.role] else {
          throw .roleNotFound
        }
        var message = V3AuthRoleGetResponse()
        message.header = services.presentHeader
        message.perm = role.permissions.map(V3Permission.init)
        reply(.success(message))
      },
      .unary(service, "RoleList", at: "/auth/role/list") {
        (services, query: V3AuthRoleListRequest, head, reply) throws(RPCStatus) in
        try services.checkAdministrator(head)
        var message = V3AuthRoleListResponse()
        message.header = services.presentHeader
        message.roles = services.store.access.current.roles.keys.sorted(by: AccessRules.isBefore)
        reply(.success(message))
      },
    ]
  }()

  /// A method that changes the rules. Its answer is a header.
  private static func change<Query: Message, Answer: Message>(
    _ service: String, _ name: String, at path: String,
    _ header: WritableKeyPath<Answer, V3ResponseHeader> & Sendable,
    _ change: @escaping @Sendable (Query) throws(RPCStatus) -> AccessChange
  ) -> Method {
    .unary(service, name, at: path) { (services, query: Query, head, reply) throws(RPCStatus) in
      try services.checkAdministrator(head)
      services.carryOut(try change(query), head, header, reply)
    }
  }

  /// A method that sets a password.
  /// - Parameter change: the password, `nil` for none, and the change by its hash.
  private static func password<Query: Message, Answer: Message>(
    _ service: String, _ name: String, at path: String,
    _ header: WritableKeyPath<Answer, V3ResponseHeader> & Sendable,
    _ change: @escaping @Sendable (Query) -> (String?, @Sendable (String?) -> AccessChange)
  ) -> Method {
    .unary(service, name, at: path) { (services, query: Query, head, reply) throws(RPCStatus) in
      try services.checkAdministrator(head)
      let (password, change) = change(query)
      guard let password else { return services.carryOut(change(nil), head, header, reply) }
      services.store.access.hash(password) { hash in
        switch hash {
        case .success(let hash): services.carryOut(change(hash), head, header, reply)
        case .failure(let status): head.loop.execute { reply(.failure(status)) }
        }
      }
    }
  }
}

extension Services {
  /// A header as of now.
  fileprivate var presentHeader: V3ResponseHeader {
    self.header(self.store.currentRevisions.revision)
  }

  fileprivate func carryOut<Answer: Message>(
    _ change: AccessChange, _ head: CallHead,
    _ header: WritableKeyPath<Answer, V3ResponseHeader> & Sendable,
    _ reply: @escaping CallReply<Answer>
  ) {
    self.store.access.carryOut(change) { result in
      head.loop.execute {
        reply(
          result.map {
            var message = Answer()
            message[keyPath: header] = self.presentHeader
            return message
          })
      }
    }
  }
}

/// A password that is tried. A client that has left is passed over.
private final class AuthenticateCall: CallHandler {
  private final class End: Sendable {
    let isOver = Atomic(false)
  }

  private let end: End
  private let call: UnaryCall<V3AuthenticateRequest, V3AuthenticateResponse>

  init(_ services: Services, _ head: CallHead, _ answers: any CallAnswers) {
    let end = End()
    self.end = end
    self.call = UnaryCall(services, head, answers, .messages) {
      (services, query, head, reply) throws(RPCStatus) in
      try services.store.access.authenticate(
        query.name, password: query.password, address: head.remoteAddress ?? "",
        isWanted: { !end.isOver.load(ordering: .relaxed) }
      ) { token in
        head.loop.execute {
          reply(
            token.map {
              var message = V3AuthenticateResponse()
              message.header = services.presentHeader
              message.token = $0
              return message
            })
        }
      }
    }
  }

  func received(_ message: ByteBuffer) { self.call.received(message) }

  func halfClosed() { self.call.halfClosed() }

  func cancelled() {
    self.end.isOver.store(true, ordering: .relaxed)
    self.call.cancelled()
  }

  func becameWritable() {}
}

extension AccessRules.Permission {
  /// - Throws: without a permission. etcd itself ends at that.
  fileprivate init(_ query: V3AuthRoleGrantPermissionRequest) throws(RPCStatus) {
    guard query.hasPerm else {
      throw RPCStatus(.invalidArgument, "etcdserver: permission is not given")
    }
    let kind: Kind =
      switch query.perm.permType {
      case .read, .UNRECOGNIZED: .read
      case .write: .write
      case .readwrite: .readWrite
      }
    self.init(key: Array(query.perm.key), end: Array(query.perm.rangeEnd), kind: kind)
  }
}

extension V3Permission {
  fileprivate init(_ permission: AccessRules.Permission) {
    self.init()
    self.key = Data(permission.key)
    self.rangeEnd = Data(permission.end)
    self.permType =
      switch permission.kind {
      case .read: .read
      case .write: .write
      case .readWrite: .readwrite
      }
  }
}
