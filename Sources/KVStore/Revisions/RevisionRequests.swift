/// `RangeRequest` of etcd's rpc.proto.
package struct RangeRequest: Equatable, Sendable {
  package enum Order: Sendable { case none, ascending, descending }
  package enum Target: Sendable { case key, version, create, mod, value }

  package var range: KeyRange
  /// 0 and less for no limit.
  package var limit: Int64 = 0
  /// 0 and less for the present.
  package var revision: Int64 = 0
  package var order = Order.none
  package var target = Target.key
  package var keysOnly = false
  package var countOnly = false
  /// Of the revisions of birth and of the last put.
  package var createRevisions = Bounds()
  package var modRevisions = Bounds()

  /// 0 and less for no bound.
  package struct Bounds: Equatable, Sendable {
    package var least: Int64 = 0
    package var most: Int64 = 0

    func contains(_ revision: Int64) -> Bool {
      (self.least <= 0 || revision >= self.least) && (self.most <= 0 || revision <= self.most)
    }
  }

  package init(_ range: KeyRange) { self.range = range }
}

/// What a range has found.
package struct RangeAnswer: Equatable, Sendable {
  package var pairs: [KeyValue] = []
  /// In the range, without limit and filters.
  package var count: Int64 = 0
  /// Whether the limit has cut the pairs.
  package var hasMore = false
}

/// `PutRequest` of etcd's rpc.proto.
package struct PutRequest: Equatable, Sendable {
  package var key: RevisionKey
  package var value: [UInt8] = []
  /// 0 for none.
  package var lease: Int64 = 0
  package var wantsPrevious = false
  package var ignoresValue = false
  package var ignoresLease = false

  package init(_ key: RevisionKey, value: [UInt8] = []) { (self.key, self.value) = (key, value) }
}

/// `DeleteRangeRequest` of etcd's rpc.proto.
package struct DeleteRequest: Equatable, Sendable {
  package var range: KeyRange
  package var wantsPrevious = false

  package init(_ range: KeyRange) { self.range = range }
}

/// `Compare` of etcd's rpc.proto.
package struct TxnCompare: Equatable, Sendable {
  package enum Relation: Sendable {
    case equal, greater, less, notEqual
    /// One that the API does not have: it always holds.
    case unknown
  }

  package enum Target: Equatable, Sendable {
    case version(Int64)
    case create(Int64)
    case mod(Int64)
    case value([UInt8])
    case lease(Int64)
  }

  package var range: KeyRange
  package var relation = Relation.equal
  package var target = Target.version(0)

  package init(_ range: KeyRange) { self.range = range }
}

/// `TxnRequest` of etcd's rpc.proto.
package struct TxnRequest: Equatable, Sendable {
  package indirect enum Operation: Equatable, Sendable {
    case range(RangeRequest)
    case put(PutRequest)
    case delete(DeleteRequest)
    case txn(TxnRequest)
    /// Without any request in it.
    case empty
  }

  package var comparisons: [TxnCompare] = []
  package var success: [Operation] = []
  package var failure: [Operation] = []

  /// Whether one of its operations, in either branch, may add to the keyspace.
  var puts: Bool {
    (self.success + self.failure).contains { operation in
      switch operation {
      case .put: true
      case .txn(let request): request.puts
      case .range, .delete, .empty: false
      }
    }
  }

  package init() {}
}

/// The answer of a transaction.
package struct TxnAnswer: Equatable, Sendable {
  package indirect enum Part: Equatable, Sendable {
    /// - Parameter revision: before the transaction until one of its operations has written.
    case range(RangeAnswer, revision: Int64)
    case put(previous: KeyValue?, revision: Int64)
    case delete(count: Int64, previous: [KeyValue], revision: Int64)
    case txn(TxnAnswer)
  }

  package var hasSucceeded: Bool
  package var parts: [Part] = []
}
