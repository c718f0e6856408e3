import Testing

@testable import KVStore

@Suite struct AutoCompactionTests {
  private static func time(_ seconds: UInt64) -> StoreTime {
    StoreTime(nanoseconds: 0).advanced(bySeconds: seconds)
  }

  @Test func soManyRevisionsAreKept() {
    var compaction = AutoCompaction(.revisions(100))
    #expect(compaction.look(at: Self.time(0), revision: 90) == nil)
    #expect(compaction.look(at: Self.time(300), revision: 250) == 150)
    #expect(compaction.look(at: Self.time(600), revision: 250) == nil)
    #expect(compaction.look(at: Self.time(900), revision: 251) == 151)
  }

  /// What was the present so long ago can still be read.
  @Test func soMuchTimeIsKept() {
    var compaction = AutoCompaction(.seconds(60))
    #expect(compaction.interval == 6)
    var compacted: [UInt64: Int64] = [:]
    for second in stride(from: UInt64(0), through: 180, by: 6) {
      // One revision a second.
      if let target = compaction.look(at: Self.time(second), revision: Int64(second) + 1) {
        compacted[second] = target
        #expect(target <= Int64(second) - 60 + 1)
      }
    }
    #expect(compacted[60] == 1 && compacted[180] == 121)
    #expect(compacted.keys.allSatisfy { $0 >= 60 })
  }
}
