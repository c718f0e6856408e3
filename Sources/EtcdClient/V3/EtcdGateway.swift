import AsyncHTTPClient
import FoundationEssentials
import HTTPEndpoint
import NIOCore

/// etcd's v3 API over its JSON gateway: the calls that a leased key needs.
///
/// Source: etcd's `rpc.proto`; which prefix a version has, from its documentation of the gateway.
struct EtcdGateway: Sendable {
  /// Where a version of etcd has its gateway.
  enum Prefix: String, Sendable {
    case v3 = "/v3"
    case v3beta = "/v3beta"
    case v3alpha = "/v3alpha"

    /// - Parameter version: a server's, for example `3.4.23`.
    /// - Returns: `nil` for a version without a v3 API.
    init?(version: String) {
      let parts = version.split(separator: ".").map { Int($0) }
      guard parts.count >= 2, let major = parts[0], let minor = parts[1], major >= 3 else {
        return nil
      }
      switch (major, minor) {
      case (3, ...2): self = .v3alpha
      case (3, 3): self = .v3beta
      default: self = .v3
      }
    }

    /// Before 3.4 it stood among the calls about keys.
    var revoke: String { self == .v3 ? "/lease/revoke" : "/kv/lease/revoke" }
  }

  typealias Deadline = ContinuousClock.Instant

  let client: EtcdClient
  let prefix: Prefix

  func range(_ key: Data, until deadline: Deadline) async throws(EtcdClientError)
    -> Gateway.RangeReply
  {
    try await self.call(
      "/kv/range", Gateway.RangeRequest(key: key), isRepeatable: true, until: deadline)
  }

  /// - Parameter isRepeatable: whether it only reads.
  func txn(
    _ request: Gateway.TxnRequest, isRepeatable: Bool, until deadline: Deadline
  ) async throws(EtcdClientError) -> Gateway.TxnReply {
    try await self.call("/kv/txn", request, isRepeatable: isRepeatable, until: deadline)
  }

  /// Makes a lease with a number of our own choice, so that it can be revoked even when the answer is
  /// lost.
  /// - Returns: the time to live that the server grants, in seconds.
  func grantLease(
    _ id: Int64, ttlSeconds: Int64, until deadline: Deadline
  ) async throws(EtcdClientError) -> Int64 {
    do {
      let reply: Gateway.LeaseReply = try await self.call(
        "/lease/grant", Gateway.LeaseRequest(ID: Quoted(id), TTL: Quoted(ttlSeconds)),
        isRepeatable: true, until: deadline)
      return reply.TTL?.value ?? 0
    } catch {
      // The first attempt was applied, though its answer was lost.
      if case .declined(let reason) = error, reason.message.contains("lease already exists") {
        return ttlSeconds
      }
      throw error
    }
  }

  /// - Returns: what is left of the lease from now on, `nil` when there is no such lease.
  func keepAlive(
    _ id: Int64, until deadline: Deadline
  ) async throws(EtcdClientError) -> (ttlSeconds: Int64?, raftTerm: UInt64?) {
    let reply: Gateway.LeaseReply = try await self.call(
      "/lease/keepalive", Gateway.LeaseRequest(ID: Quoted(id)), isRepeatable: true, isStream: true,
      until: deadline)
    let ttl = reply.TTL?.value ?? 0
    return (ttl > 0 ? ttl : nil, reply.header.raft_term?.value)
  }

  /// Ends a lease; that it is not there is as good.
  func revokeLease(_ id: Int64, until deadline: Deadline) async throws(EtcdClientError) {
    do {
      let _: Gateway.HeaderReply = try await self.call(
        self.prefix.revoke, Gateway.LeaseRequest(ID: Quoted(id)), isRepeatable: true,
        until: deadline)
    } catch {
      if case .declined(let reason) = error, reason.code == GRPCCode.notFound { return }
      throw error
    }
  }

  /// Waits for the first change of a key at or after a revision.
  /// - Returns: `nil` when the history no longer goes back so far.
  func change(
    of key: Data, from revision: UInt64
  ) async throws(EtcdClientError) -> Gateway.WatchReply.Event? {
    let token = try await self.token(until: .now + self.client.timeout)
    let call = try self.call(
      "/watch",
      Gateway.WatchRequest(create_request: .init(key: key, start_revision: Quoted(revision))),
      token: token, isRepeatable: true)
    do {
      return try await self.client.transport.watch(call, headTimeout: self.client.timeout) {
        try await Self.firstChange(in: $0, from: $1)
      }
    } catch {
      if case .denied = error { self.client.credentials?.forget(token: token ?? "") }
      throw error
    }
  }

  private static func firstChange(
    in response: HTTPClientResponse, from endpoint: EtcdEndpoint
  ) async throws -> Gateway.WatchReply.Event? {
    guard response.status == .ok else {
      let _: Gateway.HeaderReply = try Self.reply(
        in: try await Answer(response), from: endpoint, isStream: false)
      throw EtcdClientError.malformed(endpoint: endpoint, reason: "status \(response.status)")
    }
    var lines = ByteBuffer()
    for try await bytes in response.body {
      lines.writeImmutableBuffer(bytes)
      guard lines.readableBytes <= Answer.maximumBytes else { break }
      while let end = lines.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
        let length = end - lines.readerIndex
        guard let line = lines.readSlice(length: length) else { break }
        lines.moveReaderIndex(forwardBy: 1)
        let reply: Gateway.WatchReply = try Self.reply(
          in: Answer(status: 200, headers: [:], body: line), from: endpoint, isStream: true)
        if let event = reply.events?.first { return event }
        guard reply.canceled == true else { continue }
        if reply.compact_revision != nil { return nil }
        let reason = EtcdGatewayError(
          code: GRPCCode.unknown, message: reply.cancel_reason ?? "the watch was cancelled")
        throw reason.clientError(from: endpoint)
      }
    }
    throw EtcdClientError.unanswered(endpoint: endpoint, reason: "the server closed the watch")
  }

  // MARK: Calls

  private func call<Reply: Decodable & Sendable>(
    _ path: String, _ body: some Encodable & Sendable, isRepeatable: Bool, isStream: Bool = false,
    until deadline: Deadline
  ) async throws(EtcdClientError) -> Reply {
    func attempt() async throws(EtcdClientError) -> Reply {
      let token = try await self.token(until: deadline)
      let call = try self.call(path, body, token: token, isRepeatable: isRepeatable)
      do {
        return try await self.send(call, isStream: isStream, until: deadline)
      } catch {
        if case .denied = error { self.client.credentials?.forget(token: token ?? "") }
        throw error
      }
    }
    do {
      return try await attempt()
    } catch {
      // What was denied was not applied. A token may have run out, or may be older than its user's roles.
      guard case .denied = error, self.client.credentials != nil else { throw error }
      return try await attempt()
    }
  }

  private func send<Reply: Decodable & Sendable>(
    _ call: EtcdTransport.Call, isStream: Bool, until deadline: Deadline
  ) async throws(EtcdClientError) -> Reply {
    try await self.client.transport.send(call, until: deadline) {
      answer, endpoint throws(EtcdClientError) in
      try Self.reply(in: answer, from: endpoint, isStream: isStream)
    }
  }

  private func call(
    _ path: String, _ body: some Encodable, token: String?, isRepeatable: Bool
  ) throws(EtcdClientError) -> EtcdTransport.Call {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(body) else {
      preconditionFailure("a request is text and numbers")
    }
    return EtcdTransport.Call(
      method: .POST, target: self.prefix.rawValue + path,
      body: String(decoding: data, as: UTF8.self), contentType: "application/json",
      authorization: token, isRepeatable: isRepeatable)
  }

  /// The token to send along; `nil` without a user, or where there are no users.
  private func token(until deadline: Deadline) async throws(EtcdClientError) -> String? {
    guard let credentials = self.client.credentials else { return nil }
    if let token = credentials.currentToken { return token.isEmpty ? nil : token }
    _ = credentials.reread()
    let call = try self.call(
      "/auth/authenticate",
      Gateway.AuthenticateRequest(
        name: credentials.username, password: credentials.currentPassword),
      token: nil, isRepeatable: true)
    do {
      let reply: Gateway.AuthenticateReply = try await self.send(
        call, isStream: false, until: deadline)
      credentials.keep(token: reply.token)
      return reply.token
    } catch {
      // Without users everybody may do everything; should that change, the next request is denied.
      if case .declined(let reason) = error, reason.message.contains("not enabled") {
        credentials.keep(token: "")
        return nil
      }
      throw error
    }
  }

  private static func reply<Reply: Decodable & Sendable>(
    in answer: Answer, from endpoint: EtcdEndpoint, isStream: Bool
  ) throws(EtcdClientError) -> Reply {
    if answer.status == 200, answer.body.readableBytes == 0 {
      throw .unanswered(endpoint: endpoint, reason: "the server closed the request")
    }
    if isStream, let message = answer.decoded(Gateway.StreamReply<Reply>.self),
      message.result != nil || message.error != nil
    {
      if let result = message.result { return result }
      throw (message.error?.meaning ?? EtcdGatewayError(code: GRPCCode.unknown, message: ""))
        .clientError(from: endpoint)
    }
    if answer.status == 200 {
      return try Answer.decode(Reply.self, from: answer.body, endpoint: endpoint)
    }
    guard let failure = answer.decoded(Gateway.Failure.self),
      failure.message != nil || failure.error != nil
    else { throw answer.failure(from: endpoint, api: .v3) }
    throw failure.meaning.clientError(from: endpoint)
  }
}
