/// Why the v3 keyspace does not do as asked, in etcd's words, which its clients recognise.
///
/// Source: `etcdserver/api/v3rpc/rpctypes/error.go`.
package enum RevisionError: Error, Equatable {
  case emptyKey
  case keyNotFound
  case valueProvided
  case leaseProvided
  case tooManyOperations
  case duplicateKey
  case compacted
  case futureRevision
  case leaseNotFound
  case leaseExists
  case leaseTTLTooLarge
  /// Nothing has changed, and the client may try again; with the cause.
  case unavailable(String)
  /// Too much waits for the disk.
  case tooManyRequests
  /// The tables do not have what they should have; with what is lost.
  case damaged(String)

  /// The code of gRPC.
  package var code: RPCStatus.Code {
    switch self {
    case .emptyKey, .keyNotFound, .valueProvided, .leaseProvided, .tooManyOperations,
      .duplicateKey:
      .invalidArgument
    case .compacted, .futureRevision, .leaseTTLTooLarge: .outOfRange
    case .leaseNotFound: .notFound
    case .leaseExists: .failedPrecondition
    case .unavailable: .unavailable
    case .tooManyRequests: .resourceExhausted
    case .damaged: .dataLoss
    }
  }

  package var text: String {
    switch self {
    case .emptyKey: "etcdserver: key is not provided"
    case .keyNotFound: "etcdserver: key not found"
    case .valueProvided: "etcdserver: value is provided"
    case .leaseProvided: "etcdserver: lease is provided"
    case .tooManyOperations: "etcdserver: too many operations in txn request"
    case .duplicateKey: "etcdserver: duplicate key given in txn request"
    case .compacted: "etcdserver: mvcc: required revision has been compacted"
    case .futureRevision: "etcdserver: mvcc: required revision is a future revision"
    case .leaseNotFound: "etcdserver: requested lease not found"
    case .leaseExists: "etcdserver: lease already exists"
    case .leaseTTLTooLarge: "etcdserver: too large lease TTL"
    case .unavailable(let cause): "etcdserver: \(cause)"
    case .tooManyRequests: "etcdserver: too many requests"
    case .damaged(let what): "etcdserver: \(what)"
    }
  }
}

extension RevisionError: CustomStringConvertible {
  package var description: String { self.text }
}
