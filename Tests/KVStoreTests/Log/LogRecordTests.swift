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

  private func written() throws -> ByteBuffer {
    var buffer = ByteBuffer()
    _ = LogRecord.write(
      try Self.changes(), number: 7, previous: 99, after: 0, time: Self.time, to: &buffer)
    return buffer
  }

  @Test func whatIsWrittenIsRead() throws {
    let (record, end) = try #require(LogRecord.read(try self.written(), at: 0))
    #expect(record.number == 7 && record.previous == 99 && record.time == Self.time)
    #expect(try record.changes == Self.changes().map { LoggedChange($0.event) })
    #expect((record.firstIndex, record.lastIndex) == (1, 9))
    #expect(try end % 8 == 0 && end == self.written().readableBytes)
  }

  /// The changes made again, with the values before, the indices and the TTLs.
  @Test func theChangesFollowFromTheRecordAndTheTree() throws {
    let (record, _) = try #require(LogRecord.read(try self.written(), at: 0))
    var tree = KeyTree()
    let redone = record.changes.map { tree.redo($0, now: record.time) }
    #expect(try redone == Self.changes())
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
