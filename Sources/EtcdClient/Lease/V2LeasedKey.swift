/// A leased key in etcd's v2 API: at the root of the key space, with a plain value and a `ttl`, like
/// podmaster's.
package struct V2LeasedKey: LeasedKey {
  private let client: EtcdClient
  private let options: LeaseOptions

  package init(client: EtcdClient, options: LeaseOptions) {
    self.client = client
    self.options = options
  }

  package func perform(_ request: LeaseRequest) async throws(EtcdClientError) -> LeaseAnswer {
    let options = self.options
    return try V2LeaseMeaning.answer(
      to: request,
      await Self.outcome { () async throws(EtcdClientError) in
        switch request {
        case .read: try await self.get(options.key)
        case .create:
          try await self.client.put(
            options.key, value: options.value, ttlSeconds: options.ttlSeconds, prevExist: false,
            timeout: options.timeout)
        case .renew(let index):
          try await self.client.put(
            options.key, value: options.value, ttlSeconds: options.ttlSeconds, prevIndex: index,
            timeout: options.timeout)
        case .release(let index):
          try await self.client.delete(options.key, prevIndex: index, timeout: options.timeout)
        }
      })
  }

  package func nextChange(after index: UInt64) async throws(EtcdClientError) -> KeyChange {
    try V2LeaseMeaning.change(
      await Self.outcome { () async throws(EtcdClientError) in
        try await self.client.watch(self.options.key, waitIndex: index + 1)
      })
  }

  package func sideValue(_ key: String) async throws(EtcdClientError) -> SideAnswer {
    try V2LeaseMeaning.sideAnswer(
      isRead: true,
      await Self.outcome { () async throws(EtcdClientError) in try await self.get(key) })
  }

  package func setSideValue(
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
          timeout: self.options.timeout)
      })
  }

  private func get(_ key: String) async throws(EtcdClientError) -> KeysResponse {
    let response = try await self.client.get(key, quorum: true, timeout: self.options.timeout)
    if response.node.dir {
      throw .refused(
        EtcdError(
          errorCode: EtcdError.notAFile, message: "Not a file", cause: response.node.key,
          index: response.etcdIndex, clusterID: response.clusterID))
    }
    return response
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
