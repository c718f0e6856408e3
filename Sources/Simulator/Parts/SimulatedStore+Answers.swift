import Elector
import EtcdClient
import HTTPEndpoint
import KVStore

/// The store's events and errors as its client reads them.
extension SimulatedStore {
  static let endpoint: EtcdEndpoint = {
    do {
      return try EtcdEndpoint("http://store:2379")
    } catch {
      preconditionFailure("the simulator's own endpoint: \(error)")
    }
  }()

  /// The client's reading of an answer, as in ``V2LeasedKey``.
  static func outcome(
    of request: Election.Request.Kind, _ answer: V2LeaseMeaning.Outcome
  ) -> LeaseOutcome {
    do throws(EtcdClientError) {
      if let request = request.lease {
        return .lease(try V2LeaseMeaning.answer(to: request, answer))
      }
      return .record(
        try V2LeaseMeaning.sideAnswer(isRead: request == .readRecord, answer))
    } catch {
      return .failure(error)
    }
  }

  /// A watcher's reading of an event.
  static func watched(_ event: Event, id: Int) -> Election.Event {
    Self.watched(.success(KeysResponse(event, index: event.index)), id: id)
  }

  /// A watcher's reading of an answer, as in ``ElectionService``.
  static func watched(_ answer: V2LeaseMeaning.Outcome, id: Int) -> Election.Event {
    do throws(EtcdClientError) {
      return .watched(id: id, try V2LeaseMeaning.change(answer))
    } catch {
      return .watchFailed(id: id, reason: error.description)
    }
  }
}

extension SimulatedStore.Outcome {
  /// The store's index in this answer.
  var index: UInt64 {
    switch self {
    case .done(_, let index): index
    case .refused(let error): error.index
    }
  }

  /// The answer in the client's types.
  var answer: V2LeaseMeaning.Outcome {
    switch self {
    case .done(let event, let index): .success(KeysResponse(event, index: index))
    case .refused(let error):
      .failure(
        EtcdClientError(
          EtcdError(
            errorCode: error.code.rawValue, message: error.code.message, index: error.index),
          from: SimulatedStore.endpoint))
    }
  }
}

extension KeysResponse {
  init(_ event: Event, index: UInt64) {
    let node = event.node
    self.init(
      action: event.action.rawValue,
      node: Node(
        key: "", value: node.value.map { String(decoding: $0, as: UTF8.self) },
        createdIndex: node.createdIndex, modifiedIndex: node.modifiedIndex,
        ttl: node.deadline == nil ? nil : node.ttl),
      etcdIndex: index)
  }
}
