import HTTPEndpoint

/// What the v2 API's answers mean for a ``LeasedKey``. Functions alone: a shell asks, a simulation makes the
/// answers up.
package enum V2LeaseMeaning {
  package typealias Outcome = Result<KeysResponse, EtcdClientError>

  /// What the leased key was asked for.
  package enum Request: Sendable { case read, create, renew, release }

  /// What a request about the leased key has come to.
  package static func answer(
    to request: Request, _ outcome: Outcome
  ) throws(EtcdClientError) -> LeaseAnswer {
    switch outcome {
    case .success(let response):
      let fact: LeaseAnswer.Fact =
        switch request {
        case .read:
          .held(
            Holder(response.node), remaining: response.node.ttl.map { .seconds($0) })
        case .create, .renew:
          .granted(term: response.node.createdIndex, modifiedIndex: response.node.modifiedIndex)
        case .release: .released
        }
      return LeaseAnswer(fact, at: response.position)
    case .failure(let error):
      let (code, position) = try Self.refusal(error)
      switch (request, code) {
      case (.read, EtcdError.keyNotFound), (.renew, EtcdError.keyNotFound),
        (.release, EtcdError.keyNotFound):
        return LeaseAnswer(.absent, at: position)
      case (.create, EtcdError.nodeExists): return LeaseAnswer(.exists, at: position)
      case (.renew, EtcdError.compareFailed), (.release, EtcdError.compareFailed):
        return LeaseAnswer(.changed, at: position)
      default: throw error
      }
    }
  }

  /// What a read, or a write under a condition, of a side key has come to.
  package static func sideAnswer(
    isRead: Bool, _ outcome: Outcome
  ) throws(EtcdClientError) -> SideAnswer {
    switch outcome {
    case .success(let response):
      let index = response.node.modifiedIndex
      return SideAnswer(
        isRead
          ? .found(value: response.node.value ?? "", modifiedIndex: index)
          : .written(modifiedIndex: index),
        at: response.position)
    case .failure(let error):
      let (code, position) = try Self.refusal(error)
      switch (isRead, code) {
      case (true, EtcdError.keyNotFound): return SideAnswer(.absent, at: position)
      case (false, EtcdError.nodeExists), (false, EtcdError.compareFailed),
        (false, EtcdError.keyNotFound):
        return SideAnswer(.conditionFailed, at: position)
      default: throw error
      }
    }
  }

  /// What a watch has seen.
  package static func change(_ outcome: Outcome) throws(EtcdClientError) -> KeyChange {
    switch outcome {
    case .success(let response):
      switch response.action {
      case "delete", "compareAndDelete", "expire":
        return .removed(index: response.node.modifiedIndex)
      default: return .written(Holder(response.node))
      }
    case .failure(let error):
      if error.errorCode == EtcdError.eventIndexCleared { return .historyCleared }
      throw error
    }
  }

  /// The store's own no: its code, and where the store was.
  private static func refusal(
    _ error: EtcdClientError
  ) throws(EtcdClientError) -> (code: Int, at: StorePosition) {
    guard case .refused(let refusal) = error else { throw error }
    return (
      refusal.errorCode, StorePosition(clusterID: refusal.clusterID, index: refusal.index)
    )
  }
}

extension EtcdClientError {
  /// What an error of the v2 API says of its request.
  package init(_ error: EtcdError, from endpoint: EtcdEndpoint) {
    // 300 to 399 come from the consensus below the store (no leader, no agreement in time): the write may
    // still be applied. 400 ends the watch of a slow reader.
    if (300...400).contains(error.errorCode) {
      self = .unanswered(endpoint: endpoint, reason: error.description)
    } else if error.errorCode == EtcdError.unauthorized {
      self = .denied(endpoint: endpoint, reason: error.cause ?? error.message)
    } else {
      self = .refused(error)
    }
  }
}

extension KeysResponse {
  /// To a read: the store's. To a write: where it was applied.
  fileprivate var position: StorePosition {
    StorePosition(
      clusterID: self.clusterID,
      index: self.action == "get" ? self.etcdIndex : self.node.modifiedIndex)
  }
}

extension Holder {
  fileprivate init(_ node: Node) {
    self.init(
      name: node.value ?? "", term: node.createdIndex, modifiedIndex: node.modifiedIndex)
  }
}
