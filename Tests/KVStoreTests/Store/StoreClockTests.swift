import Testing

@testable import KVStore

@Suite struct StoreClockTests {
  private static let second: Int64 = 1_000_000_000
  private static let noon: Int64 = 1_700_000_000 * second

  /// A run that began a hundred seconds after the boot, at noon, and wrote last ten seconds later.
  private let record = StoreClock.Record(
    bootID: "a", offset: noon - 100 * second, lastKnown: noon + 10 * second)

  /// The clock's time at a start, in seconds after noon.
  private func start(
    _ record: StoreClock.Record, bootID: String?, sinceBoot: Int64, wall: Int64
  ) -> Int64 {
    let reading = StoreClock.Reading(
      bootID: bootID, sinceBoot: sinceBoot * Self.second, wall: Self.noon + wall * Self.second)
    let clock = StoreClock(continuing: record, at: reading)
    return (clock.time(sinceBoot: reading.sinceBoot).nanoseconds - Self.noon) / Self.second
  }

  @Test func aNewStoreBeginsAtTheWallClock() {
    #expect(self.start(.init(), bootID: "a", sinceBoot: 100, wall: 0) == 0)
    #expect(self.start(.init(), bootID: nil, sinceBoot: 100, wall: 0) == 0)
  }

  @Test(arguments: [30, 0, -86_400, 86_400])
  func inTheSameBootTheWallClockDoesNotMatter(wall: Int64) {
    #expect(self.start(self.record, bootID: "a", sinceBoot: 130, wall: wall) == 30)
  }

  @Test func afterABootTheTimeThatTheMachineWasOffCounts() {
    #expect(self.start(self.record, bootID: "b", sinceBoot: 5, wall: 600) == 600)
  }

  @Test(arguments: ["b", nil]) func theClockNeverGoesBack(bootID: String?) {
    #expect(self.start(self.record, bootID: bootID, sinceBoot: 5, wall: -86_400) == 10)
  }

  @Test func withoutTheBootsNameTheWallClockIsBelieved() {
    #expect(self.start(self.record, bootID: nil, sinceBoot: 130, wall: 40) == 40)
    var unnamed = self.record
    unnamed.bootID = nil
    #expect(self.start(unnamed, bootID: nil, sinceBoot: 130, wall: 40) == 40)
  }

  /// As when a copy of another machine's database is brought here.
  @Test func aBootsClockThatIsBehindWhatWasWrittenIsSetForward() {
    var record = self.record
    record.lastKnown = Self.noon + 500 * Self.second
    #expect(self.start(record, bootID: "a", sinceBoot: 130, wall: 30) == 500)
  }

  @Test func databasesOfBeforeHaveNoLastTime() {
    var record = self.record
    record.lastKnown = nil
    #expect(self.start(record, bootID: "a", sinceBoot: 130, wall: 0) == 30)
    #expect(self.start(record, bootID: "b", sinceBoot: 5, wall: -60) == -60)
  }

  /// A wall clock may show anything: the year 2262 is where 64 bits of nanoseconds end.
  @Test(arguments: [Int64.min, .min + 1, -1, .max - 1, .max], [Int64.min, 0, .max])
  func noClockOverflows(wall: Int64, lastKnown: Int64) {
    for sinceBoot in [0, .max] as [Int64] {
      let clock = StoreClock(
        continuing: StoreClock.Record(bootID: "a", offset: nil, lastKnown: lastKnown),
        at: StoreClock.Reading(bootID: "b", sinceBoot: sinceBoot, wall: wall))
      let now = clock.time(sinceBoot: sinceBoot)
      #expect(now.nanoseconds >= min(lastKnown, .max - sinceBoot))
      #expect(now.shifted(by: .max) >= now && now.shifted(by: .min) <= now)
      _ = (
        clock.wallSkew, now.advanced(bySeconds: .max),
        now.remainingSeconds(at: .init(nanoseconds: .min))
      )
    }
  }
}
