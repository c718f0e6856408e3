/// A leased key in etcd's v2 API: at the root of the key space, with a plain value and a `ttl`, like
/// podmaster's.
package struct V2LeasedKey: LeasedKey {
  private let client: EtcdClient
  private let options: LeaseOptions

  package init(client: EtcdClient, options: LeaseOptions) {
    self.client = client
    self.options = options
  }

  package func read() async throws(EtcdClientError) -> LeaseAnswer {
    do throws(EtcdClientError) {
      let response = try await self.get(self.options.key)
      return LeaseAnswer(
        .held(Holder(response.node), remaining: response.node.ttl.map { .seconds($0) }),
        at: response.position)
    } catch {
      return try Self.answer(error, [EtcdError.keyNotFound: .absent])
    }
  }

  package func create() async throws(EtcdClientError) -> LeaseAnswer {
    do throws(EtcdClientError) {
      let response = try await self.client.put(
        self.options.key, value: self.options.value, ttlSeconds: self.options.ttlSeconds,
        prevExist: false, timeout: self.options.timeout)
      return LeaseAnswer(response.granted, at: response.position)
    } catch {
      return try Self.answer(error, [EtcdError.nodeExists: .exists])
    }
  }

  package func renew(ifIndex: UInt64) async throws(EtcdClientError) -> LeaseAnswer {
    do throws(EtcdClientError) {
      let response = try await self.client.put(
        self.options.key, value: self.options.value, ttlSeconds: self.options.ttlSeconds,
        prevIndex: ifIndex, timeout: self.options.timeout)
      return LeaseAnswer(response.granted, at: response.position)
    } catch {
      return try Self.answer(
        error, [EtcdError.keyNotFound: .absent, EtcdError.compareFailed: .changed])
    }
  }

  package func release(ifIndex: UInt64) async throws(EtcdClientError) -> LeaseAnswer {
    do throws(EtcdClientError) {
      let response = try await self.client.delete(
        self.options.key, prevIndex: ifIndex, timeout: self.options.timeout)
      return LeaseAnswer(.released, at: response.position)
    } catch {
      return try Self.answer(
        error, [EtcdError.keyNotFound: .absent, EtcdError.compareFailed: .changed])
    }
  }

  package func nextChange(after index: UInt64) async throws(EtcdClientError) -> KeyChange {
    do throws(EtcdClientError) {
      let response = try await self.client.watch(self.options.key, waitIndex: index + 1)
      switch response.action {
      case "delete", "compareAndDelete", "expire":
        return .removed(index: response.node.modifiedIndex)
      default: return .written(Holder(response.node))
      }
    } catch {
      if error.errorCode == EtcdError.eventIndexCleared { return .historyCleared }
      throw error
    }
  }

  package func sideValue(_ key: String) async throws(EtcdClientError) -> SideAnswer {
    do throws(EtcdClientError) {
      let response = try await self.get(key)
      return SideAnswer(
        .found(value: response.node.value ?? "", modifiedIndex: response.node.modifiedIndex),
        at: response.position)
    } catch {
      return try Self.sideAnswer(error, [EtcdError.keyNotFound: .absent])
    }
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
    do throws(EtcdClientError) {
      let response = try await self.client.put(
        key, value: value, prevExist: prevExist, prevIndex: prevIndex, timeout: self.options.timeout
      )
      return SideAnswer(
        .written(modifiedIndex: response.node.modifiedIndex), at: response.position)
    } catch {
      return try Self.sideAnswer(
        error,
        [
          EtcdError.nodeExists: .conditionFailed, EtcdError.compareFailed: .conditionFailed,
          EtcdError.keyNotFound: .conditionFailed,
        ])
    }
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

  /// The meaning of an expected refusal.
  private static func fact<Fact>(
    _ error: EtcdClientError, _ meanings: [Int: Fact]
  ) throws(EtcdClientError) -> (Fact, at: StorePosition) {
    guard case .refused(let refusal) = error, let fact = meanings[refusal.errorCode] else {
      throw error
    }
    return (fact, StorePosition(clusterID: refusal.clusterID, index: refusal.index))
  }

  private static func answer(
    _ error: EtcdClientError, _ meanings: [Int: LeaseAnswer.Fact]
  ) throws(EtcdClientError) -> LeaseAnswer {
    let (fact, position) = try Self.fact(error, meanings)
    return LeaseAnswer(fact, at: position)
  }

  private static func sideAnswer(
    _ error: EtcdClientError, _ meanings: [Int: SideAnswer.Fact]
  ) throws(EtcdClientError) -> SideAnswer {
    let (fact, position) = try Self.fact(error, meanings)
    return SideAnswer(fact, at: position)
  }
}

extension KeysResponse {
  /// For a read the store's index, for a write its own.
  fileprivate var position: StorePosition {
    StorePosition(
      clusterID: self.clusterID,
      index: self.action == "get" ? self.etcdIndex : self.node.modifiedIndex)
  }

  fileprivate var granted: LeaseAnswer.Fact {
    .granted(term: self.node.createdIndex, modifiedIndex: self.node.modifiedIndex)
  }
}

extension Holder {
  fileprivate init(_ node: Node) {
    self.init(
      name: node.value ?? "", term: node.createdIndex, modifiedIndex: node.modifiedIndex)
  }
}
