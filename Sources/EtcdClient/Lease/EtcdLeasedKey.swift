import Synchronization

/// A leased key in the API that was chosen, or that the servers have.
///
/// `auto` takes v2 if any endpoint that answers has it, because electors and podmasters that share a key
/// must share its API. The choice is final: when the servers lose their v2 API later, that is an error,
/// since others may still hold the key there.
///
/// v3 needs etcd 3.4 or newer, so the first call reads the server's version. Until an endpoint answers,
/// each call tries again.
public final class EtcdLeasedKey: LeasedKey {
  private let client: EtcdClient
  private let api: EtcdAPI
  private let options: LeaseOptions
  /// `nil` before the API is chosen.
  private let chosen = Mutex<(any LeasedKey)?>(nil)

  /// - Parameters:
  ///   - client: the caller shuts it down, later.
  ///   - api: the API, or `auto` to choose by the server's version.
  ///   - options: the key, its value and its TTL.
  public init(client: EtcdClient, api: EtcdAPI = .auto, options: LeaseOptions) {
    self.client = client
    self.api = api
    self.options = options
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

  private func key() async throws(EtcdClientError) -> any LeasedKey {
    if let known = self.chosen.withLock({ $0 }) { return known }
    let api = self.api == .auto ? try await self.find() : self.api
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
    if isFirst { self.client.transport.notice(.usesAPI(api, version: version)) }
    return used
  }

  /// Asks all endpoints at once whether they have the v2 API.
  private func find() async throws(EtcdClientError) -> EtcdAPI {
    let answers = await withTaskGroup(of: Result<Bool, EtcdClientError>.self) { group in
      for endpoint in self.client.endpoints {
        group.addTask {
          do throws(EtcdClientError) {
            return .success(
              try await self.client.hasV2(at: endpoint, within: self.options.timeout / 2))
          } catch {
            return .failure(error)
          }
        }
      }
      var answers: [Result<Bool, EtcdClientError>] = []
      for await answer in group {
        answers.append(answer)
        // No other answer can change the result.
        if case .success(true) = answer { group.cancelAll() }
      }
      return answers
    }
    let known = answers.compactMap { try? $0.get() }
    if known.contains(true) { return .v2 }
    if known.isEmpty, let first = answers.first { _ = try first.get() }
    return .v3
  }
}
