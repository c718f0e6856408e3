import NIOCore
import Testing

@testable import KVStore

@Suite struct LogRecordTests {
  private static let time = StoreTime(nanoseconds: 1_700_000_000_000_000_000)

  /// Source: the test values of the xxHash project.
  @Test(
    arguments: [
      ("", 0, 0xEF46_DB37_51D8_E999), ("a", 0, 0xD24E_C4F1_A98C_6E5B),
      ("abc", 0, 0x44BC_2CF5_AD77_0999),
      ("Nobody inspects the spammish repetition", 0, 0xFBCE_A83C_8A37_8BF1),
    ] as [(String, UInt64, UInt64)])
  func theChecksumIsXXH64(text: String, seed: UInt64, checksum: UInt64) {
    #expect(Array(text.utf8).withUnsafeBytes { Checksum.of($0, seed: seed) } == checksum)
  }

  /// One change of each kind.
  static func changes() throws -> [Change] {
    var tree = KeyTree()
    let deadline = Self.time.advanced(bySeconds: 9)
    let commands: [Command] = [
      .set(StorePath("/a/b"), .init(value: [0xFF, 0, 0x61])),
      .create(StorePath("/lease"), .init(value: [0x31], deadline: deadline)),
      .update(StorePath("/lease"), .init(deadline: deadline, isRefresh: true)),
      .compareAndSwap(StorePath("/a/b"), .init(index: 1), .init(value: [])),
      .createInOrder(StorePath("/q"), .init(value: [UInt8](repeating: 7, count: 300))),
      .set(StorePath("/d"), .init(isDirectory: true, deadline: deadline)),
      .compareAndDelete(StorePath("/a/b"), .init(value: [])),
      .delete(StorePath("/q"), isDirectory: true, isRecursive: true),
      .expire(StorePath("/lease"), deadline: deadline),
    ]
    return try commands.map { try #require(try tree.apply($0, now: Self.time)) }
  }

  /// One change of v3 of each kind.
  static func revisionChanges() throws -> [RevisionChange] {
    var tree = RevisionTree()
    func key(_ text: String) -> RevisionKey { RevisionKey(text.utf8) }
    var attached = PutRequest(RevisionKey([0xFF, 0]), value: [UInt8](repeating: 7, count: 300))
    attached.lease = -9
    var txn = TxnRequest()
    txn.success = [.put(PutRequest(key("a"))), .put(attached), .put(PutRequest(key("c")))]
    let commands: [RevisionCommand] = [
      .grant(id: -9, ttl: 5), .grant(id: .max, ttl: RevisionTree.longestTTL), .txn(txn),
      .put(PutRequest(key("a"), value: [0xC3])),
      .delete(DeleteRequest(KeyRange(key("a"), end: key("d")))), .revoke(-9), .compact(3),
    ]
    for command in commands { _ = try tree.apply(command, now: Self.time) }
    return tree.takeChanges()
  }

  private func written(v2: Bool = true, v3: Bool = true) throws -> ByteBuffer {
    var buffer = ByteBuffer()
    _ = LogRecord.write(
      v2 ? try Self.changes() : [], v3 ? try Self.revisionChanges() : [], number: 7, previous: 99,
      after: v2 ? 0 : 8, time: Self.time, to: &buffer)
    return buffer
  }

  @Test(arguments: [(true, false), (true, true), (false, true)])
  func whatIsWrittenIsRead(v2: Bool, v3: Bool) throws {
    let written = try self.written(v2: v2, v3: v3)
    let (record, end) = try #require(LogRecord.read(written, at: 0))
    #expect(record.number == 7 && record.previous == 99 && record.time == Self.time)
    #expect(record.changes == (v2 ? try Self.changes().map { LoggedChange($0.event) } : []))
    #expect(record.revisionChanges == (v3 ? try Self.revisionChanges() : []))
    #expect((record.firstIndex, record.lastIndex) == (v2 ? (1, 9) : (9, 8)))
    #expect((record.firstRevision, record.lastRevision) == (v3 ? (2, 5) : (nil, nil)))
    #expect(end % 8 == 0 && end == written.readableBytes)
  }

  /// A record of v2 alone is what it was before there was v3.
  @Test func aRecordOfV2IsOfTheFirstKind() throws {
    #expect(try self.written(v3: false).getInteger(at: 24, as: UInt8.self) == 1)
    #expect(try self.written().getInteger(at: 24, as: UInt8.self) == 2)
  }

  /// The changes made again, with the values before, the indices and the TTLs.
  @Test func theChangesFollowFromTheRecordAndTheTree() throws {
    let (record, _) = try #require(LogRecord.read(try self.written(), at: 0))
    var tree = KeyTree()
    let redone = record.changes.map { tree.redo($0, now: record.time) }
    #expect(try redone == Self.changes())
    var revisions = RevisionTree()
    for change in record.revisionChanges {
      let isRedone = revisions.redo(change)
      #expect(isRedone, "\(change)")
    }
    #expect(revisions.takeChanges() == record.revisionChanges)
    // None of them can follow on a tree that has it.
    for change in record.revisionChanges
    where change != .grant(id: -9, ttl: 5, deadline: Self.time.advanced(bySeconds: 5)) {
      let isRedone = revisions.redo(change)
      #expect(!isRedone, "\(change)")
    }
  }

  @Test func everyBitCounts() throws {
    let whole = try self.written()
    for bit in 0..<whole.readableBytes * 8 {
      var damaged = whole
      let byte = whole.getInteger(at: bit / 8, as: UInt8.self) ?? 0
      damaged.setInteger(byte ^ 1 << UInt8(bit % 8), at: bit / 8)
      #expect(LogRecord.read(damaged, at: 0) == nil, "bit \(bit)")
    }
  }

  @Test func aRecordThatIsCutIsNone() throws {
    let whole = try self.written()
    for length in 0..<whole.readableBytes {
      #expect(LogRecord.read(try #require(whole.getSlice(at: 0, length: length)), at: 0) == nil)
    }
  }
}
