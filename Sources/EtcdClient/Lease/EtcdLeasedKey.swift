import Synchronization

/// A leased key in the API that was chosen, or that the servers have.
///
/// `APIChoice` has the rule: a record in the store decides. Without one, `auto` takes v2 if any endpoint has
/// it, because electors and podmasters that share a key must share its API, and v3 only if every endpoint
/// says that it has none. The choice is final: when the servers lose their v2 API later, that is an error,
/// since others may still hold the key there.
///
/// v3 needs etcd 3.4 or newer, so the first call reads the server's version. Until the API is chosen, each call
/// tries again.
public final class EtcdLeasedKey: LeasedKey {
  private let client: EtcdClient
  private let choice: APIChoice
  private let options: LeaseOptions
  private let records: Bool
  /// `nil` before the API is chosen.
  private let chosen = Mutex<(any LeasedKey)?>(nil)

  /// - Parameters:
  ///   - client: the caller shuts it down, later.
  ///   - api: the API, or `auto` to choose by the record and by what the servers have.
  ///   - options: the key, its value and its TTL.
  ///   - records: whether a choice is recorded; not by a client that only looks.
  public init(
    client: EtcdClient, api: EtcdAPI = .auto, options: LeaseOptions, records: Bool = true
  ) {
    self.client = client
    self.choice = APIChoice(key: options.key, wanted: api == .auto ? nil : api)
    self.options = options
    self.records = records
  }

  public func perform(_ request: LeaseRequest) async throws(EtcdClientError) -> LeaseAnswer {
    try await self.key().perform(request)
  }

  /// Reads the key, and how long it stays, which costs v3 a second request.
  public func readWithRest() async throws(EtcdClientError) -> LeaseAnswer {
    let key = try await self.key()
    guard let v3 = key as? V3LeasedKey else { return try await key.perform(.read) }
    return try await v3.readWithRest()
  }

  public func nextChange(after index: UInt64) async throws(EtcdClientError) -> KeyChange {
    try await self.key().nextChange(after: index)
  }

  public func sideValue(_ key: String) async throws(EtcdClientError) -> SideAnswer {
    try await self.key().sideValue(key)
  }

  public func setSideValue(
    _ key: String, to value: String, if condition: SideCondition
  ) async throws(EtcdClientError) -> SideAnswer {
    try await self.key().setSideValue(key, to: value, if: condition)
  }

  public var timeStoodStill: Duration { self.client.transport.timeStoodStill }

  private func key() async throws(EtcdClientError) -> any LeasedKey {
    if let known = self.chosen.withLock({ $0 }) { return known }
    let (api, unrecorded) = try await self.choose()
    let key: any LeasedKey
    var version: String?
    if api == .v2 {
      key = V2LeasedKey(client: self.client, options: self.options)
    } else {
      let server = try await self.client.version(timeout: self.options.timeout).etcdserver
      guard EtcdGateway.exists(in: server) else {
        throw .apiMissing(endpoint: self.client.transport.preferred, .v3)
      }
      key = V3LeasedKey(client: self.client, options: self.options)
      version = server
    }
    // Two concurrent calls may come here; both must use the same key.
    let (used, isFirst) = self.chosen.withLock { chosen -> (any LeasedKey, Bool) in
      defer { chosen = chosen ?? key }
      return (chosen ?? key, chosen == nil)
    }
    if isFirst {
      self.client.transport.notice(.usesAPI(api, version: version))
      if let unrecorded {
        self.client.transport.notice(
          .unrecordedAPI(
            api, key: APIChoice.recordKey(for: self.options.key), reason: unrecorded.description))
      }
    }
    return used
  }

  /// Chooses the API and records it.
  /// - Returns: also why it could not be recorded, where that is no matter of time.
  private func choose() async throws(EtcdClientError) -> (EtcdAPI, unrecorded: EtcdClientError?) {
    while true {
      let words = await self.words()
      switch self.choice.verdict(words) {
      case .fail(let error): throw error
      case .use(let api, records: false): return (api, self.choice.denial(in: words))
      case .use(let api, records: true):
        guard self.records else { return (api, nil) }
        do throws(EtcdClientError) {
          // At an endpoint that has answered: a write does not go on from one that hangs.
          let only = words.first { $0.record == .absent }?.endpoint
          let answer = try await V3LeasedKey(
            client: self.client, options: self.options, only: only
          ).setSideValue(
            APIChoice.recordKey(for: self.options.key), to: api.rawValue, if: .ifAbsent)
          if case .written = answer.fact { return (api, nil) }
          // Another elector was faster: its record decides.
        } catch {
          guard !error.isOutcomeUnknown, error.isFromStore else { throw error }
          return (api, error)
        }
      }
    }
  }

  /// Asks all endpoints at once for the record and, unless v3 is wanted, whether they have v2.
  private func words() async -> [APIChoice.Word] {
    await withTaskGroup(of: APIChoice.Word.self) { group in
      for endpoint in self.client.endpoints {
        group.addTask { await self.word(of: endpoint) }
      }
      var words: [APIChoice.Word] = []
      for await word in group {
        words.append(word)
        // No other answer can change the result.
        if self.choice.isCertain(words) {
          group.cancelAll()
          break
        }
      }
      return words
    }
  }

  private func word(of endpoint: EtcdEndpoint) async -> APIChoice.Word {
    let deadline = ContinuousClock.now + self.options.timeout / 2
    async let record = self.record(at: endpoint, until: deadline)
    guard self.choice.wanted != .v3 else {
      return APIChoice.Word(endpoint: endpoint, record: await record)
    }
    let hasV2: Result<Bool, EtcdClientError>
    do throws(EtcdClientError) {
      hasV2 = .success(try await self.client.hasV2(at: endpoint, until: deadline))
    } catch {
      hasV2 = .failure(error)
    }
    return APIChoice.Word(endpoint: endpoint, record: await record, hasV2: hasV2)
  }

  private func record(
    at endpoint: EtcdEndpoint, until deadline: ContinuousClock.Instant
  ) async -> APIChoice.Record {
    let name = APIChoice.recordKey(for: self.options.key)
    do throws(EtcdClientError) {
      let gateway = EtcdGateway(client: self.client, only: endpoint)
      let reply = try await gateway.range(V3LeaseCalls.bytes(name), until: deadline)
      guard let value = reply.kvs?.first?.holder.name else { return .absent }
      guard let api = EtcdAPI(rawValue: value), api != .auto else {
        return .silent(
          .malformed(endpoint: endpoint, reason: "/\(name) holds \"\(value)\", not v2 or v3"))
      }
      return .found(api)
    } catch {
      switch error {
      case .apiMissing: return .missing(error)
      case .declined, .denied, .refused: return .denied(error)
      case .unreachable, .unanswered, .malformed, .apiUndecided, .otherAPI: return .silent(error)
      }
    }
  }
}
