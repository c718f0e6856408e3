import AsyncHTTPClient
import FoundationEssentials
import HTTPEndpoint
import NIOCore

/// etcd's v3 API over its JSON gateway at `/v3`: the calls that a leased key needs.
///
/// Source: etcd's `rpc.proto`. Before etcd 3.4 the gateway has other paths and is not supported.
struct EtcdGateway: Sendable {
  typealias Deadline = ContinuousClock.Instant

  let client: EtcdClient
  /// The one endpoint that is asked; `nil` for any.
  var only: EtcdEndpoint?

  /// Whether a server's version, for example `3.4.23`, has the gateway at `/v3`.
  static func exists(in version: String) -> Bool {
    let parts = version.split(separator: ".").map { Int($0) }
    guard parts.count >= 2, let major = parts[0], let minor = parts[1] else { return false }
    return (major, minor) >= (3, 4)
  }

  func range(_ key: Data, until deadline: Deadline) async throws(EtcdClientError)
    -> Gateway.RangeReply
  {
    try await self.call(
      "/kv/range", Gateway.RangeRequest(key: key), isRepeatable: true, until: deadline)
  }

  func perform(
    _ call: GatewayCall, until deadline: Deadline
  ) async throws(EtcdClientError) -> GatewayReply {
    do throws(EtcdClientError) {
      switch call {
      case .range(let request):
        return .range(
          try await self.call("/kv/range", request, isRepeatable: true, until: deadline))
      case .txn(let request, let isRepeatable):
        return .txn(
          try await self.call("/kv/txn", request, isRepeatable: isRepeatable, until: deadline))
      case .grant(let lease, let ttlSeconds):
        let reply: Gateway.LeaseReply = try await self.call(
          "/lease/grant", Gateway.LeaseRequest(ID: Quoted(lease), TTL: Quoted(ttlSeconds)),
          isRepeatable: true, until: deadline)
        return .granted(ttlSeconds: reply.TTL?.value ?? 0)
      case .keepAlive(let lease):
        let reply: Gateway.LeaseReply = try await self.call(
          "/lease/keepalive", Gateway.LeaseRequest(ID: Quoted(lease)), isRepeatable: true,
          isStream: true, until: deadline)
        let ttl = reply.TTL?.value ?? 0
        return .keptAlive(
          ttlSeconds: ttl > 0 ? ttl : nil, raftTerm: reply.header.raft_term?.value)
      case .revoke(let lease):
        let _: Gateway.LeaseReply = try await self.call(
          "/lease/revoke", Gateway.LeaseRequest(ID: Quoted(lease)), isRepeatable: true,
          until: deadline)
        return .revoked
      }
    } catch {
      if case .declined(let refusal) = error, let reply = call.reply(for: refusal) {
        return reply
      }
      throw error
    }
  }

  /// - Returns: what is left of a lease; `nil` when it does not exist.
  func timeToLive(of id: Int64, until deadline: Deadline) async throws(EtcdClientError) -> Int64? {
    let reply: Gateway.LeaseLookReply = try await self.call(
      "/lease/timetolive", Gateway.LeaseRequest(ID: Quoted(id)), isRepeatable: true,
      until: deadline)
    return (reply.TTL?.value).flatMap { $0 >= 0 ? $0 : nil }
  }

  /// Waits for the first change of a key at or after a revision.
  /// - Returns: `nil` when the history no longer reaches back to it.
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
      let _: Gateway.LeaseReply = try Self.reply(
        in: try await HTTPAnswer(response), from: endpoint, isStream: false)
      throw EtcdClientError.malformed(endpoint: endpoint, reason: "status \(response.status)")
    }
    var lines = ByteBuffer()
    for try await bytes in response.body {
      lines.writeImmutableBuffer(bytes)
      guard lines.readableBytes <= HTTPAnswer.maximumBytes else { break }
      while let end = lines.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
        let length = end - lines.readerIndex
        guard let line = lines.readSlice(length: length) else { break }
        lines.moveReaderIndex(forwardBy: 1)
        let reply: Gateway.WatchReply = try Self.reply(
          in: HTTPAnswer(status: 200, headers: [:], body: line), from: endpoint, isStream: true)
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
      // A denied request was not applied. The token may have expired or be older than its user's roles.
      guard case .denied = error, self.client.credentials != nil else { throw error }
      return try await attempt()
    }
  }

  private func send<Reply: Decodable & Sendable>(
    _ call: EtcdTransport.Call, isStream: Bool, until deadline: Deadline
  ) async throws(EtcdClientError) -> Reply {
    let transport = self.client.transport
    func read(answer: HTTPAnswer, endpoint: EtcdEndpoint) throws(EtcdClientError) -> Reply {
      try Self.reply(in: answer, from: endpoint, isStream: isStream)
    }
    guard let only else { return try await transport.send(call, until: deadline, read) }
    return try await transport.send(call, to: only, until: deadline, read)
  }

  private func call(
    _ path: String, _ body: some Encodable, token: String?, isRepeatable: Bool
  ) throws(EtcdClientError) -> EtcdTransport.Call {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(body) else {
      preconditionFailure("a request holds only text and numbers")
    }
    return EtcdTransport.Call(
      method: .POST, target: "/v3" + path,
      body: String(decoding: data, as: UTF8.self), contentType: "application/json",
      authorization: token, isRepeatable: isRepeatable)
  }

  /// The token for a request; `nil` without a user, or while etcd has no authentication.
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
      // Without authentication no token is needed. When it is enabled later, the next request is denied.
      if case .declined(let reason) = error, reason.message.contains("not enabled") {
        credentials.keep(token: "")
        return nil
      }
      throw error
    }
  }

  private static func reply<Reply: Decodable & Sendable>(
    in answer: HTTPAnswer, from endpoint: EtcdEndpoint, isStream: Bool
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
      return try answer.value(Reply.self, from: endpoint)
    }
    guard let failure = answer.decoded(Gateway.Failure.self),
      failure.message != nil || failure.error != nil
    else { throw answer.failure(from: endpoint, api: .v3) }
    throw failure.meaning.clientError(from: endpoint)
  }
}
