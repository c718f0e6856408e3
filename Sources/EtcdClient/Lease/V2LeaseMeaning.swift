import HTTPEndpoint

/// The meaning of the v2 API's answers for a ``LeasedKey``, as pure functions, for the client and for a
/// simulation.
package enum V2LeaseMeaning {
  package typealias Outcome = Result<KeysResponse, EtcdClientError>

  /// The result of a request for the leased key.
  package static func answer(
    to request: LeaseRequest, _ outcome: Outcome
  ) throws(EtcdClientError) -> LeaseAnswer {
    switch outcome {
    case .success(let response):
      let fact: LeaseAnswer.Fact =
        switch request {
        case .read:
          .held(
            Holder(response.node), remaining: response.node.ttl.map { .seconds($0) } ?? .endless)
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

  /// The result of a read, or of a conditional write, of a side key.
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

  /// The result of a watch.
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

  /// The code of a refusal, and the store's position then.
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
  /// The meaning of a v2 error for its request.
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
  /// For a read the store's index, for a write its own.
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
