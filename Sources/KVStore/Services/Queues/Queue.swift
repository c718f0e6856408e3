import EtcdMessages
import Foundation

/// A queue of keys below a name, each on a lease: what the services of locks and elections share.
///
/// The key that was born first has the lock, or leads; the others follow in the order of their births.
///
/// Source: etcd's `concurrency` package, whose keys these are, so that clients that lock by themselves and clients that
/// ask the service stand in one queue.
struct Queue: Equatable {
  let range: KeyRange
  private let prefix: [UInt8]

  init(name: Data) {
    self.prefix = Array(name) + [UInt8(ascii: "/")]
    // The byte behind the slash.
    self.range = KeyRange(
      RevisionKey(self.prefix), end: RevisionKey(Array(name) + [UInt8(ascii: "0")]))
  }

  func key(of lease: Int64) -> RevisionKey {
    RevisionKey(self.prefix + Array(String(UInt64(bitPattern: lease), radix: 16).utf8))
  }

  /// Puts a lease's key into the queue, or reads it if it is there.
  func entry(of lease: Int64, value: Data) -> TxnRequest {
    let key = self.key(of: lease)
    var put = PutRequest(key, value: Array(value))
    put.lease = lease
    var request = TxnRequest()
    request.comparisons = [Self.isUnborn(key)]
    request.success = [.put(put)]
    request.failure = [.range(RangeRequest(KeyRange(key, end: RevisionKey([]))))]
    return request
  }

  /// Does something to a key that was born at this revision, if it is still there.
  static func ifBorn(
    _ key: RevisionKey, at revision: Int64, _ operation: TxnRequest.Operation
  ) -> TxnRequest {
    var request = TxnRequest()
    request.comparisons = [Self.isBorn(key, at: revision)]
    request.success = [operation]
    return request
  }

  private static func isBorn(_ key: RevisionKey, at revision: Int64) -> TxnCompare {
    var comparison = TxnCompare(KeyRange(key, end: RevisionKey([])))
    comparison.target = .create(revision)
    return comparison
  }

  private static func isUnborn(_ key: RevisionKey) -> TxnCompare { Self.isBorn(key, at: 0) }

  enum Place: Equatable {
    case first
    /// Behind this key.
    case behind(RevisionKey)
    /// The key is gone, with its lease or by another hand.
    case gone
  }

  /// Where a key stands that was born at this revision.
  func place(of key: RevisionKey, bornAt revision: Int64, in tree: RevisionTree) -> Place {
    var isThere = false
    var ahead: KeyValue?
    tree.forEach(in: self.range) { pair in
      if pair.createRevision == revision, pair.key == key { isThere = true }
      if pair.createRevision < revision, pair.createRevision > ahead?.createRevision ?? 0 {
        ahead = pair
      }
      return true
    }
    guard isThere else { return .gone }
    return ahead.map { .behind($0.key) } ?? .first
  }

  /// The pair that was born first.
  func first(in tree: RevisionTree) -> KeyValue? {
    var first: KeyValue?
    tree.forEach(in: self.range) { pair in
      if pair.createRevision < first?.createRevision ?? .max { first = pair }
      return true
    }
    return first
  }
}
