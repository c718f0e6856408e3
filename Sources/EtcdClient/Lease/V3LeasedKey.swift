import FoundationEssentials
import Synchronization

/// A leased key in etcd's v3 API: `/<key>` with a plain value, attached to an etcd lease. ``V3LeaseCalls`` decides; this
/// sends its calls.
package final class V3LeasedKey: LeasedKey {
  private let gateway: EtcdGateway
  private let options: LeaseOptions
  private let memory = Mutex(V3LeaseCalls.Memory())
  private let hasReportedTTL = Mutex(false)

  /// - Parameter only: the one endpoint that is asked; `nil` for any.
  init(client: EtcdClient, options: LeaseOptions, only: EtcdEndpoint? = nil) {
    self.gateway = EtcdGateway(client: client, only: only)
    self.options = options
  }

  private var deadline: EtcdGateway.Deadline { .now + self.options.timeout }

  package func perform(_ request: LeaseRequest) async throws(EtcdClientError) -> LeaseAnswer {
    guard case .answer(let answer) = try await self.carryOut(.lease(request)) else {
      preconditionFailure("the answer to \(request) is about a side key")
    }
    return answer
  }

  package func sideValue(_ key: String) async throws(EtcdClientError) -> SideAnswer {
    try await self.sideAnswer(to: .sideValue(key))
  }

  package func setSideValue(
    _ key: String, to value: String, if condition: SideCondition
  ) async throws(EtcdClientError) -> SideAnswer {
    try await self.sideAnswer(to: .setSideValue(key, to: value, if: condition))
  }

  private func sideAnswer(
    to request: V3LeaseCalls.Request
  ) async throws(EtcdClientError) -> SideAnswer {
    guard case .sideAnswer(let answer) = try await self.carryOut(request) else {
      preconditionFailure("the answer to \(request) is about the lease")
    }
    return answer
  }

  package func nextChange(after index: UInt64) async throws(EtcdClientError) -> KeyChange {
    guard
      let event = try await self.gateway.change(
        of: V3LeaseCalls.bytes(self.options.key), from: index + 1)
    else { return .historyCleared }
    return event.change
  }

  /// Reads the key, and what is left of its lease.
  func readWithRest() async throws(EtcdClientError) -> LeaseAnswer {
    let deadline = self.deadline
    let reply = try await self.gateway.range(
      V3LeaseCalls.bytes(self.options.key), until: deadline)
    guard let key = reply.kvs?.first else { return LeaseAnswer(.absent, at: reply.header.position) }
    var rest = LeaseRest.endless
    if let lease = key.lease?.value, lease != 0 {
      // A lease that has just ended takes its key with it.
      rest = .seconds(try await self.gateway.timeToLive(of: lease, until: deadline) ?? 0)
    }
    return LeaseAnswer(.held(key.holder, remaining: rest), at: reply.header.position)
  }

  // MARK: Calls

  /// - Returns: an answer.
  private func carryOut(
    _ request: V3LeaseCalls.Request
  ) async throws(EtcdClientError) -> V3LeaseCalls.Step {
    let deadline = self.deadline
    var calls = V3LeaseCalls(
      request, options: self.options, newLease: .random(in: 1...Int64.max))
    var step = self.memory.withLock { calls.begin(&$0) }
    while true {
      switch step {
      case .answer, .sideAnswer: return step
      case .failed(let error): throw error
      case .call(let call):
        let reply = await self.reply(to: call, until: deadline)
        let endpoint = self.gateway.client.transport.preferred
        step = self.memory.withLock { calls.received(reply, from: endpoint, &$0) }
      }
    }
  }

  private func reply(
    to call: GatewayCall, until deadline: EtcdGateway.Deadline
  ) async -> Result<GatewayReply, EtcdClientError> {
    do throws(EtcdClientError) {
      let reply = try await self.gateway.perform(call, until: deadline)
      if case .granted(let ttlSeconds) = reply { self.report(ttl: ttlSeconds) }
      return .success(reply)
    } catch {
      return .failure(error)
    }
  }

  private func report(ttl: Int64) {
    guard ttl > self.options.ttlSeconds else { return }
    let isFirst = self.hasReportedTTL.withLock { hasReported in
      defer { hasReported = true }
      return !hasReported
    }
    guard isFirst else { return }
    self.gateway.client.transport.notice(
      .longerTTL(asked: self.options.ttlSeconds, granted: ttl))
  }
}
