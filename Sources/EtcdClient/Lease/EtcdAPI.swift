import Synchronization

/// Which of etcd's APIs is used.
public enum EtcdAPI: String, CaseIterable, Sendable, CustomStringConvertible {
  /// v2 where a server has it, else v3.
  case auto
  case v2
  case v3

  public var description: String { self.rawValue }
}

/// A leased key in whichever API of etcd was asked for, or is there.
///
/// `auto` takes v2 if any endpoint that answers has it: electors and podmasters that share a key have to
/// share the API as well. What was chosen stays: should the servers lose their v2 API, that is an error,
/// since others may still hold the key there.
///
/// v3 needs the server's version, too, which decides where its gateway is. So nothing is known before
/// the first answer, and the first calls carry on until there is one.
public final class EtcdLeasedKey: LeasedKey {
  private let client: EtcdClient
  private let api: EtcdAPI
  private let terms: LeaseTerms
  private let state = Mutex(State())

  private struct State {
    var key: (any LeasedKey)?
    /// What was asked for, or what `auto` has come to.
    var chosen: EtcdAPI?
  }

  /// - Parameter client: to be shut down by the caller, later.
  public init(client: EtcdClient, api: EtcdAPI = .auto, terms: LeaseTerms) {
    self.client = client
    self.api = api
    self.terms = terms
  }

  public func read() async throws(EtcdClientError) -> LeaseAnswer {
    try await self.withKey { key throws(EtcdClientError) in try await key.read() }
  }

  public func create() async throws(EtcdClientError) -> LeaseAnswer {
    try await self.withKey { key throws(EtcdClientError) in try await key.create() }
  }

  public func renew(ifIndex: UInt64) async throws(EtcdClientError) -> LeaseAnswer {
    try await self.withKey { key throws(EtcdClientError) in try await key.renew(ifIndex: ifIndex) }
  }

  public func release(ifIndex: UInt64) async throws(EtcdClientError) -> LeaseAnswer {
    try await self.withKey { key throws(EtcdClientError) in
      try await key.release(ifIndex: ifIndex)
    }
  }

  public func nextChange(after index: UInt64) async throws(EtcdClientError) -> KeyChange {
    try await self.withKey { key throws(EtcdClientError) in
      try await key.nextChange(after: index)
    }
  }

  public func sideValue(_ key: String) async throws(EtcdClientError) -> SideAnswer {
    try await self.withKey { leased throws(EtcdClientError) in try await leased.sideValue(key) }
  }

  public func setSideValue(
    _ key: String, to value: String, if condition: SideCondition
  ) async throws(EtcdClientError) -> SideAnswer {
    try await self.withKey { leased throws(EtcdClientError) in
      try await leased.setSideValue(key, to: value, if: condition)
    }
  }

  private func withKey<Value: Sendable>(
    _ body: (any LeasedKey) async throws(EtcdClientError) -> Value
  ) async throws(EtcdClientError) -> Value {
    let key = try await self.leasedKey()
    do {
      return try await body(key)
    } catch {
      // The gateway moves with an upgrade from 3.3 or older: look where it is the next time.
      if case .apiMissing(_, .v3) = error { self.state.withLock { $0.key = nil } }
      throw error
    }
  }

  private func leasedKey() async throws(EtcdClientError) -> any LeasedKey {
    let (known, chosen) = self.state.withLock { ($0.key, $0.chosen) }
    if let known { return known }
    let api: EtcdAPI
    if let chosen {
      api = chosen
    } else {
      api = self.api == .auto ? try await self.find() : self.api
    }
    let key: any LeasedKey
    var version: String?
    if api == .v2 {
      key = V2LeasedKey(client: self.client, terms: self.terms)
    } else {
      let server = try await self.client.version(timeout: self.terms.timeout).etcdserver
      guard let prefix = EtcdGateway.Prefix(version: server) else {
        throw .apiMissing(endpoint: self.client.transport.preferred, .v3)
      }
      key = V3LeasedKey(client: self.client, prefix: prefix, terms: self.terms)
      version = server
    }
    // Two calls at once may have come here; both are to use the same.
    let (used, isNews) = self.state.withLock { state -> (any LeasedKey, Bool) in
      let used = state.key ?? key
      let isNews = state.chosen == nil
      state.key = used
      state.chosen = api
      return (used, isNews)
    }
    if isNews { self.client.transport.notice(.usesAPI(api, version: version)) }
    return used
  }

  /// Asks all endpoints at once whether they have the v2 API.
  private func find() async throws(EtcdClientError) -> EtcdAPI {
    let answers = await withTaskGroup(of: Result<Bool, EtcdClientError>.self) { group in
      for endpoint in self.client.endpoints {
        group.addTask {
          do throws(EtcdClientError) {
            return .success(
              try await self.client.hasV2(at: endpoint, within: self.terms.timeout / 2))
          } catch {
            return .failure(error)
          }
        }
      }
      var answers: [Result<Bool, EtcdClientError>] = []
      for await answer in group {
        answers.append(answer)
        // No other answer can change that.
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
