import NIOCore
import Testing

@testable import KVStore

/// What a start makes of two files, a mark and the tables.
@Suite struct LogRecoveryTests {
  private static let time = StoreTime(nanoseconds: 1_700_000_000_000_000_000)

  /// Batches of two changes each, number 1 on.
  private struct Batches {
    var bytes: [ByteBuffer] = []
    var positions = [LogRecovery.Position.start]

    init(_ count: Int) throws {
      var tree = KeyTree()
      for number in 1...UInt64(count) {
        let changes = try (0..<2).map { _ in
          try #require(try tree.apply(.set(StorePath("/k"), .init()), now: time))
        }
        var buffer = ByteBuffer()
        let checksum = LogRecord.write(
          changes, number: number, previous: self.positions[Int(number) - 1].checksum,
          after: 2 * (number - 1), time: time,
          to: &buffer)
        self.bytes.append(buffer)
        self.positions.append(LogRecovery.Position(number: number, checksum: checksum))
      }
    }

    /// A file with some of them, and then other bytes.
    func file(_ numbers: ClosedRange<Int>?, then rest: [ByteBuffer] = [], _ name: String = "log.0")
      -> LogContents
    {
      var file = LogHeader(logID: 1).bytes
      for number in numbers.map(Array.init) ?? [] {
        file.writeImmutableBuffer(self.bytes[number - 1])
      }
      for bytes in rest { file.writeImmutableBuffer(bytes) }
      file.writeRepeatingByte(0, count: 512)
      return LogContents(path: name, file)
    }

    func recover(
      _ files: [LogContents], folded: Int = 0, mark: Int? = nil
    ) throws(LogRecovery.Damage) -> [UInt64] {
      let mark = mark.map {
        AcknowledgedMark(logID: 1, number: UInt64($0), index: 2 * UInt64($0))
      }
      let recovery = try LogRecovery(
        files, folded: self.positions[folded], index: 2 * UInt64(folded), mark: mark)
      #expect(recovery.last == self.positions[folded + recovery.records.count])
      return recovery.records.map(\.number)
    }
  }

  private let zeros = ByteBuffer(repeating: 0, count: 64)

  @Test func whatTheTablesLackIsMadeAgain() throws {
    let batches = try Batches(6)
    let empty = batches.file(nil, "log.1")
    #expect(try batches.recover([batches.file(1...6), empty], mark: 6) == [1, 2, 3, 4, 5, 6])
    #expect(try batches.recover([batches.file(1...6), empty], folded: 4, mark: 6) == [5, 6])
    #expect(try batches.recover([batches.file(1...6), empty], folded: 6, mark: 6) == [])
    // In two files, in either order, one of them with what the tables have.
    let (first, second) = (batches.file(1...3), batches.file(4...6, "log.1"))
    #expect(try batches.recover([second, first], folded: 2, mark: 6) == [3, 4, 5, 6])
    #expect(try batches.recover([first, second], folded: 5, mark: 6) == [6])
  }

  /// A file that is used again has older batches behind its end.
  @Test func olderBatchesBehindTheEndAreNoDamage() throws {
    let batches = try Batches(6)
    let again = batches.file(6...6, then: [batches.bytes[1], batches.bytes[2]])
    #expect(
      try batches.recover([again, batches.file(4...5, "log.1")], folded: 3, mark: 6) == [4, 5, 6])
  }

  /// An unfinished batch at the end was not acknowledged.
  @Test func anUnfinishedBatchIsNone() throws {
    let batches = try Batches(3)
    let torn = try #require(batches.bytes[2].getSlice(at: 0, length: 40))
    #expect(try batches.recover([batches.file(1...2, then: [torn])], mark: 2) == [1, 2])
    // After a power cut the mark may be behind.
    #expect(try batches.recover([batches.file(1...3)], mark: 1) == [1, 2, 3])
    #expect(try batches.recover([batches.file(1...3)], mark: nil) == [1, 2, 3])
  }

  @Test func aBatchThatIsMissingIsNamedByItsIndices() throws {
    let batches = try Batches(6)
    func lost(_ files: [LogContents], folded: Int = 0, mark: Int?) -> String? {
      do throws(LogRecovery.Damage) {
        return "none: \(try batches.recover(files, folded: folded, mark: mark))"
      } catch {
        return error.reason
      }
    }
    // The mark knows of more.
    #expect(
      lost([batches.file(1...4)], mark: 6)
        == "it ends at byte 320, and the changes of index 9 to 12 are lost")
    // A damaged batch with later ones behind it, whatever the mark says.
    let hole = [ByteBuffer(repeating: 1, count: 80), batches.bytes[5]]
    for mark in [nil, 4, 6] {
      #expect(
        lost([batches.file(1...4, then: hole)], mark: mark)
          == "it ends at byte 320, and the changes of index 9 to 12 are lost")
    }
    // A gap between the files, and between the tables and the log.
    #expect(
      lost([batches.file(1...2), batches.file(4...6, "log.1")], mark: 6)
        == "it ends at byte 192, and the changes of index 5 to 6 are lost")
    #expect(
      lost([batches.file(4...6), batches.file(nil, "log.1")], folded: 2, mark: 6)?
        .contains("changes of index 5 to 6 are lost") == true)
    // All of it.
    #expect(
      lost([batches.file(nil), batches.file(nil, "log.1")], folded: 2, mark: 6)?
        .contains("changes of index 5 to 12 are lost") == true)
  }

  /// Batches of v3, which use no index; the last one has a lease alone, and no revision either.
  @Test func aBatchThatIsMissingIsNamedByItsRevisions() throws {
    var (tree, position) = (RevisionTree(), LogRecovery.Position.start)
    var records: [ByteBuffer] = []
    for number in 1...4 as ClosedRange<UInt64> {
      let put = RevisionCommand.put(PutRequest(RevisionKey([0x61])))
      for command in number < 4 ? [put, put] : [.grant(id: 1, ttl: 5)] {
        _ = try tree.apply(command, now: Self.time)
      }
      var record = ByteBuffer()
      let checksum = LogRecord.write(
        [], tree.takeChanges(), number: number, previous: position.checksum, after: 5,
        time: Self.time, to: &record)
      position = LogRecovery.Position(number: number, checksum: checksum)
      records.append(record)
    }
    func lost(_ kept: [Int], batch: UInt64, revision: Int64) -> String? {
      var file = LogHeader(logID: 1).bytes
      for index in kept { file.writeImmutableBuffer(records[index]) }
      file.writeRepeatingByte(0, count: 512)
      let mark = AcknowledgedMark(logID: 1, number: batch, index: 5, revision: revision)
      do throws(LogRecovery.Damage) {
        _ = try LogRecovery(
          [LogContents(path: "log.0", file)], folded: .start, index: 5, mark: mark)
        return nil
      } catch {
        return error.reason.firstMatch(of: /the changes .*/).map { String($0.0) }
      }
    }
    #expect(lost([0, 1, 2, 3], batch: 4, revision: 7) == nil)
    #expect(lost([0], batch: 3, revision: 7) == "the changes of revision 4 to 7 are lost")
    #expect(lost([0, 1], batch: 3, revision: 6) == "the changes of revision 6 are lost")
    #expect(lost([0, 2], batch: 1, revision: 3) == "the changes of revision 4 to 7 are lost")
    #expect(lost([0, 1, 2], batch: 4, revision: 7) == "the changes up to batch 4 are lost")
    #expect(lost([0, 1, 3], batch: 4, revision: 7) == "the changes of revision 6 to 7 are lost")
  }

  /// It has no revision.
  @Test func aMarkOfAnEarlierVersionIsRead() {
    var bytes = ByteBuffer()
    for word in [0x316B_7261_6D73_766B, 1, 2, 3, 4] as [UInt64] {
      bytes.writeInteger(word, endianness: .little)
    }
    let checksum = bytes.readableBytesView.withUnsafeBytes { Checksum.of($0) }
    bytes.writeInteger(checksum, endianness: .little)
    #expect(
      AcknowledgedMark(bytes)
        == AcknowledgedMark(logID: 1, number: 2, index: 3, authRevision: 4, revision: 1))
  }

  @Test func aLogOfOtherBatchesIsRefused() throws {
    let batches = try Batches(3)
    let other = LogRecovery.Position(number: 2, checksum: 5)
    // The other batch may be the last one, too.
    for last in [2, 3] {
      #expect(throws: LogRecovery.Damage.self) {
        try LogRecovery([batches.file(1...last)], folded: other, index: 4, mark: nil)
      }
    }
    #expect(throws: LogRecovery.Damage.self) {
      try LogRecovery([batches.file(3...3)], folded: other, index: 4, mark: nil)
    }
  }

  @Test func aMarkAndAHeadAreReadAsTheyWereWritten() throws {
    let mark = AcknowledgedMark(logID: 1, number: 2, index: 3, authRevision: 4, revision: 5)
    #expect(AcknowledgedMark(mark.bytes) == mark)
    #expect(mark.bytes.readableBytes == AcknowledgedMark.size)
    #expect(LogHeader(LogHeader(logID: 9).bytes)?.logID == 9)
    for (bytes, isRead) in [
      (mark.bytes, { AcknowledgedMark($0) != nil }),
      (LogHeader(logID: 9).bytes, { LogHeader($0) != nil }),
    ] as [(ByteBuffer, (ByteBuffer) -> Bool)] {
      for bit in 0..<bytes.readableBytes * 8 {
        var damaged = bytes
        damaged.setInteger(
          (bytes.getInteger(at: bit / 8) ?? 0 as UInt8) ^ 1 << UInt8(bit % 8), at: bit / 8)
        #expect(!isRead(damaged), "bit \(bit)")
      }
    }
  }
}
