import Foundation
import KubernetesObjects
import Testing

/// Times and ages.
@Suite struct KubernetesTimeTests {
  private static let (minute, hour, day, year): (Int64, Int64, Int64, Int64) =
    (60, 3_600, 86_400, 365 * 86_400)

  /// The table of `HumanDuration`, each line with its borders.
  @Test(arguments: [
    (-100, "<invalid>"), (-2, "<invalid>"), (-1, "0s"), (0, "0s"), (1, "1s"), (45, "45s"),
    (59, "59s"),
    (60, "60s"), (95, "95s"), (119, "119s"),
    (2 * minute, "2m"), (2 * minute + 1, "2m1s"), (125, "2m5s"), (5 * minute + 30, "5m30s"),
    (5 * minute, "5m"), (10 * minute - 1, "9m59s"),
    (10 * minute, "10m"), (95 * minute + 59, "95m"), (3 * hour - 1, "179m"),
    (3 * hour, "3h"), (5 * hour + 30 * minute, "5h30m"), (5 * hour + 59, "5h"),
    (8 * hour - 1, "7h59m"),
    (8 * hour, "8h"), (30 * hour, "30h"), (2 * day - 1, "47h"),
    (2 * day, "2d"), (3 * day + 5 * hour, "3d5h"), (3 * day + 59 * minute, "3d"),
    (8 * day - 1, "7d23h"),
    (8 * day, "8d"), (300 * day, "300d"), (2 * year - 1, "729d"),
    (2 * year, "2y"), (3 * year + 20 * day, "3y20d"), (3 * year, "3y"), (8 * year - 1, "7y364d"),
    (8 * year, "8y"), (9 * year + 300 * day, "9y"),
  ])
  func age(_ seconds: Int64, _ text: String) {
    #expect(KubernetesTime.age(seconds: seconds) == text)
  }

  /// The seconds are those of `date -u +%s -d`.
  @Test(
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59Z", -1),
      ("2026-01-02T03:04:05Z", 1_767_323_045),
      ("2026-01-02T03:04:05.999999Z", 1_767_323_045), ("2026-01-02t03:04:05z", 1_767_323_045),
      ("2026-01-02T05:04:05+02:00", 1_767_323_045), ("2026-01-01T21:34:05-05:30", 1_767_323_045),
      ("2024-02-29T12:00:00Z", 1_709_208_000), ("2024-03-01T00:00:00Z", 1_709_251_200),
      ("2000-02-29T00:00:00Z", 951_782_400), ("2100-03-01T00:00:00Z", 4_107_542_400),
      ("2016-12-31T23:59:60Z", 1_483_228_800),
    ] as [(String, Int64)])
  func seconds(_ text: String, _ seconds: Int64) {
    #expect(KubernetesTime.seconds(of: text) == seconds)
  }

  @Test(arguments: [
    "", "now", "2026-01-02", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z", "2026-01-32T03:04:05Z",
    "2026-01-02T24:04:05Z", "2026-01-02T03:60:05Z", "2026-01-02T03:04:05.Z",
    "2026-01-02T03:04:05ZZ",
    "2026-01-02T03:04:05+2:00", "26-01-02T03:04:05Z", "２026-01-02T03:04:05Z",
  ])
  func noTime(_ text: String) { #expect(KubernetesTime.seconds(of: text) == nil) }

  @Test func `A field that gives no time has no age`() {
    let now: Int64 = 1_767_323_045
    #expect(KubernetesTime.age("2026-01-02T03:03:45Z", now: now) == "20s")
    #expect(KubernetesTime.age(nil, now: now) == "<unknown>")
    #expect(KubernetesTime.age(.null, now: now) == "<unknown>")
    #expect(KubernetesTime.age("yesterday", now: now) == "<unknown>")
  }

  /// The calendar against Foundation's.
  @Test(
    arguments: [
      -1, 0, 951_782_399, 951_782_400, 951_868_800, 1_709_164_800, 1_709_251_199, 1_767_323_045,
      4_107_542_399, 4_107_542_400, 253_402_300_799,
    ] as [Int64])
  func writing(_ seconds: Int64) {
    let date = Date(timeIntervalSince1970: Double(seconds))
    let text = date.formatted(.iso8601)
    #expect(KubernetesTime.seconds(seconds) == text)
    #expect(KubernetesTime.seconds(date) == text)
    #expect(KubernetesTime.seconds(of: text) == seconds)
    #expect(KubernetesTime.nanoseconds(seconds, 7) == text.dropLast() + ".000000007Z")
    // A `Date` is too coarse for microseconds in the year 9999.
    if seconds < 253_402_300_799 {
      let later = date.addingTimeInterval(0.25)
      #expect(KubernetesTime.microseconds(later) == text.dropLast() + ".250000Z")
    }
  }
}
