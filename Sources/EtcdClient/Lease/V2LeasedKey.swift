/// A leased key in etcd's v2 API: at the root of its key space, with the plain value and a `ttl`, as
/// podmaster has it.
public struct V2LeasedKey: LeasedKey {
  private let client: EtcdClient
  private let terms: LeaseTerms

  public init(client: EtcdClient, terms: LeaseTerms) {
    self.client = client
    self.terms = terms
  }

  public func read() async throws(EtcdClientError) -> LeaseAnswer {
    try V2LeaseMeaning.answer(to: .read, await self.get(self.terms.key))
  }

  public func create() async throws(EtcdClientError) -> LeaseAnswer {
    try V2LeaseMeaning.answer(
      to: .create,
      await Self.outcome { () async throws(EtcdClientError) in
        try await self.client.put(
          self.terms.key, value: self.terms.value, ttlSeconds: self.terms.ttlSeconds,
          prevExist: false, timeout: self.terms.timeout)
      })
  }

  public func renew(ifIndex: UInt64) async throws(EtcdClientError) -> LeaseAnswer {
    try V2LeaseMeaning.answer(
      to: .renew,
      await Self.outcome { () async throws(EtcdClientError) in
        try await self.client.put(
          self.terms.key, value: self.terms.value, ttlSeconds: self.terms.ttlSeconds,
          prevIndex: ifIndex, timeout: self.terms.timeout)
      })
  }

  public func release(ifIndex: UInt64) async throws(EtcdClientError) -> LeaseAnswer {
    try V2LeaseMeaning.answer(
      to: .release,
      await Self.outcome { () async throws(EtcdClientError) in
        try await self.client.delete(
          self.terms.key, prevIndex: ifIndex, timeout: self.terms.timeout)
      })
  }

  public func nextChange(after index: UInt64) async throws(EtcdClientError) -> KeyChange {
    try V2LeaseMeaning.change(
      await Self.outcome { () async throws(EtcdClientError) in
        try await self.client.watch(self.terms.key, waitIndex: index + 1)
      })
  }

  public func sideValue(_ key: String) async throws(EtcdClientError) -> SideAnswer {
    try V2LeaseMeaning.sideAnswer(isRead: true, await self.get(key))
  }

  public func setSideValue(
    _ key: String, to value: String, if condition: SideCondition
  ) async throws(EtcdClientError) -> SideAnswer {
    var prevExist: Bool?
    var prevIndex: UInt64?
    switch condition {
    case .always: break
    case .ifAbsent: prevExist = false
    case .ifIndex(let index): prevIndex = index
    }
    return try V2LeaseMeaning.sideAnswer(
      isRead: false,
      await Self.outcome { [prevExist, prevIndex] () async throws(EtcdClientError) in
        try await self.client.put(
          key, value: value, prevExist: prevExist, prevIndex: prevIndex,
          timeout: self.terms.timeout)
      })
  }

  private func get(_ key: String) async -> V2LeaseMeaning.Outcome {
    await Self.outcome { () async throws(EtcdClientError) in
      let response = try await self.client.get(key, quorum: true, timeout: self.terms.timeout)
      if response.node.dir {
        throw .refused(
          EtcdError(
            errorCode: EtcdError.notAFile, message: "Not a file", cause: response.node.key,
            index: response.etcdIndex, clusterID: response.clusterID))
      }
      return response
    }
  }

  private static func outcome(
    _ work: () async throws(EtcdClientError) -> KeysResponse
  ) async -> V2LeaseMeaning.Outcome {
    do throws(EtcdClientError) {
      return .success(try await work())
    } catch {
      return .failure(error)
    }
  }
}
