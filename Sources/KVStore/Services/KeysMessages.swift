import EtcdMessages
import Foundation

/// The messages of keys as the keyspace's own values, and back.
extension RangeRequest {
  /// - Throws: for a target that the API does not have. etcd itself ends at one.
  init(_ query: V3RangeRequest) throws(RPCStatus) {
    self.init(KeyRange(RevisionKey(query.key), end: RevisionKey(query.rangeEnd)))
    self.limit = query.limit
    self.revision = query.revision
    self.order =
      switch query.sortOrder {
      case .ascend: .ascending
      case .descend: .descending
      case .none, .UNRECOGNIZED: .none
      }
    self.target =
      switch query.sortTarget {
      case .key: .key
      case .version: .version
      case .create: .create
      case .mod: .mod
      case .value: .value
      case .UNRECOGNIZED(let number):
        throw RPCStatus(.invalidArgument, "etcdserver: unknown sort_target \(number)")
      }
    self.keysOnly = query.keysOnly
    self.countOnly = query.countOnly
    self.createRevisions = Bounds(
      least: query.minCreateRevision, most: query.maxCreateRevision)
    self.modRevisions = Bounds(least: query.minModRevision, most: query.maxModRevision)
  }
}

extension PutRequest {
  init(_ query: V3PutRequest) {
    self.init(RevisionKey(query.key), value: Array(query.value))
    self.lease = query.lease
    self.wantsPrevious = query.prevKv
    self.ignoresValue = query.ignoreValue
    self.ignoresLease = query.ignoreLease
  }
}

extension DeleteRequest {
  init(_ query: V3DeleteRangeRequest) {
    self.init(KeyRange(RevisionKey(query.key), end: RevisionKey(query.rangeEnd)))
    self.wantsPrevious = query.prevKv
  }
}

extension TxnRequest {
  /// - Throws: as a range does.
  init(_ query: V3TxnRequest) throws(RPCStatus) {
    self.init()
    self.comparisons = query.compare.map(TxnCompare.init)
    self.success = try Self.operations(query.success)
    self.failure = try Self.operations(query.failure)
  }

  private static func operations(_ queries: [V3RequestOp]) throws(RPCStatus) -> [Operation] {
    try queries.map { (query) throws(RPCStatus) in
      switch query.request {
      case .requestRange(let range): .range(try RangeRequest(range))
      case .requestPut(let put): .put(PutRequest(put))
      case .requestDeleteRange(let delete): .delete(DeleteRequest(delete))
      case .requestTxn(let txn): .txn(try TxnRequest(txn))
      case nil: .empty
      }
    }
  }
}

extension TxnCompare {
  /// The value counts if it is that of the target, else 0 and no bytes are compared.
  init(_ query: V3Compare) {
    self.init(KeyRange(RevisionKey(query.key), end: RevisionKey(query.rangeEnd)))
    self.relation =
      switch query.result {
      case .equal: .equal
      case .greater: .greater
      case .less: .less
      case .notEqual: .notEqual
      case .UNRECOGNIZED: .unknown
      }
    self.target =
      switch query.target {
      case .version: .version(query.version)
      case .create: .create(query.createRevision)
      case .mod: .mod(query.modRevision)
      case .value: .value(Array(query.value))
      case .lease: .lease(query.lease)
      case .UNRECOGNIZED: .version(0)
      }
    // etcd compares nothing where it does not know the target.
    if case .UNRECOGNIZED = query.target { self.relation = .unknown }
  }
}

extension V3KeyValue {
  init(_ pair: KeyValue) {
    self.init()
    self.key = Data(pair.key.bytes)
    self.createRevision = pair.createRevision
    self.modRevision = pair.modRevision
    self.version = pair.version
    self.value = Data(pair.value)
    self.lease = pair.lease
  }
}

extension V3RangeResponse {
  init(_ answer: RangeAnswer) {
    self.init()
    self.kvs = answer.pairs.map(V3KeyValue.init)
    self.more = answer.hasMore
    self.count = answer.count
  }
}

extension V3DeleteRangeResponse {
  init(count: Int64, previous: [KeyValue]) {
    self.init()
    self.deleted = count
    self.prevKvs = previous.map(V3KeyValue.init)
  }
}

extension V3TxnResponse {
  /// Each part has a header with the revision alone, and that of an inner transaction is empty.
  init(_ answer: TxnAnswer) {
    self.init()
    self.succeeded = answer.hasSucceeded
    self.responses = answer.parts.map { part in
      var response = V3ResponseOp()
      switch part {
      case .range(let answer, let revision):
        var range = V3RangeResponse(answer)
        range.header.revision = revision
        response.responseRange = range
      case .put(let previous, let revision):
        var put = V3PutResponse()
        put.header.revision = revision
        if let previous { put.prevKv = V3KeyValue(previous) }
        response.responsePut = put
      case .delete(let count, let previous, let revision):
        var delete = V3DeleteRangeResponse(count: count, previous: previous)
        delete.header.revision = revision
        response.responseDeleteRange = delete
      case .txn(let answer):
        var txn = V3TxnResponse(answer)
        txn.header = V3ResponseHeader()
        response.responseTxn = txn
      }
      return response
    }
  }
}
