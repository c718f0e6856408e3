import Foundation
import Testing

@testable import KVStore

/// The queue of a lock or of an election, by the keyspace alone.
@Suite struct QueueTests {
  private static let queue = Queue(name: Data("lock".utf8))

  private static func enter(_ lease: Int64, _ tree: inout RevisionTree) throws -> Int64 {
    _ = try tree.grant(id: lease, ttl: 60, shortest: 2, now: StoreTime(nanoseconds: 0))
    let answer = try tree.txn(Self.queue.entry(of: lease, value: Data()))
    #expect(answer.hasSucceeded)
    return tree.revision
  }

  @Test func whoCameFirstIsFirst() throws {
    var tree = RevisionTree()
    let born = try [7, 3, 5].map { try Self.enter($0, &tree) }
    let keys = [7, 3, 5].map { Self.queue.key(of: $0) }
    func places() -> [Queue.Place] {
      zip(keys, born).map { Self.queue.place(of: $0, bornAt: $1, in: tree) }
    }
    #expect(places() == [.first, .behind(keys[0]), .behind(keys[1])])
    try tree.revoke(3)
    #expect(places() == [.first, .gone, .behind(keys[0])])
    try tree.revoke(7)
    #expect(places() == [.gone, .gone, .first])
  }

  /// A lease that enters again after its end has another birth: its old place is nobody's.
  @Test func aKeyThatWasBornAgainIsAnotherOne() throws {
    var tree = RevisionTree()
    let first = try Self.enter(7, &tree)
    try tree.revoke(7)
    let second = try Self.enter(7, &tree)
    #expect(Self.queue.place(of: Self.queue.key(of: 7), bornAt: first, in: tree) == .gone)
    #expect(Self.queue.place(of: Self.queue.key(of: 7), bornAt: second, in: tree) == .first)
  }

  @Test func aKeyIsNamedAfterItsLeaseInHexadecimal() {
    #expect(Self.queue.key(of: 255) == RevisionKey("lock/ff".utf8))
    #expect(Self.queue.key(of: -1) == RevisionKey("lock/ffffffffffffffff".utf8))
    #expect(!Self.queue.range.contains(RevisionKey("lock0".utf8)))
  }
}
