import Foundation
import Glibc
import Synchronization

/// The store's clock. At its first start after a boot it takes the wall clock's time; from then on it
/// follows the time since boot. Neither setting the wall clock nor a restart cuts a TTL short.
///
/// Over a boot only the wall clock knows how long the machine was off. The store trusts it, but never goes
/// back: behind a slow wall clock TTLs continue from the last known time, and none gets shorter. A wall
/// clock that is ahead looks like a machine that was off for as long.
package struct StoreClock: Sendable, Equatable {
  /// The boot for which ``offset`` holds.
  package let bootID: String
  /// Nanoseconds between the clock that counts since boot and 1970.
  package let offset: Int64

  /// The machine's clocks at one instant.
  package struct Reading: Equatable, Sendable {
    /// `nil` if the machine has none.
    package var bootID: String?
    /// Nanoseconds since boot, including sleep.
    package var sinceBoot: Int64
    /// Nanoseconds since 1970.
    package var wall: Int64

    package init(bootID: String?, sinceBoot: Int64, wall: Int64) {
      self.bootID = bootID
      self.sinceBoot = sinceBoot
      self.wall = wall
    }

    package static var now: Reading {
      let bootID = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
      return Reading(
        bootID: bootID?.trimmingCharacters(in: .whitespacesAndNewlines),
        sinceBoot: StoreClock.read(CLOCK_BOOTTIME), wall: StoreClock.read(CLOCK_REALTIME))
    }
  }

  /// What one start leaves for the next.
  package struct Record: Equatable, Sendable {
    package var bootID: String?
    package var offset: Int64?
    /// The last time that the store is known to have reached.
    package var lastKnown: Int64?

    package init(bootID: String? = nil, offset: Int64? = nil, lastKnown: Int64? = nil) {
      self.bootID = bootID
      self.offset = offset
      self.lastKnown = lastKnown
    }

    /// Takes in the time of a batch: so a lease does not become longer by what was written after the time was
    /// noted down last.
    package mutating func saw(_ time: StoreTime) {
      self.lastKnown = max(self.lastKnown ?? time.nanoseconds, time.nanoseconds)
    }
  }

  /// Continues where the clock was if the machine has not booted since; else at the wall clock, but not
  /// before the last known time.
  package init(continuing record: Record = Record(), at reading: Reading = .now) {
    var offset = reading.wall.saturating(minus: reading.sinceBoot)
    if let bootID = reading.bootID, bootID == record.bootID, let known = record.offset {
      offset = known
    }
    if let lastKnown = record.lastKnown {
      offset = max(offset, lastKnown.saturating(minus: reading.sinceBoot))
    }
    self.init(
      bootID: reading.bootID ?? "unknown-\(UInt64.random(in: .min ... .max))", offset: offset)
  }

  package init(bootID: String, offset: Int64) {
    self.bootID = bootID
    self.offset = offset
  }

  var now: StoreTime { self.time(sinceBoot: Self.read(CLOCK_BOOTTIME)) }

  package func time(sinceBoot: Int64) -> StoreTime {
    StoreTime(nanoseconds: sinceBoot).shifted(by: self.offset)
  }

  /// Nanoseconds: the wall clock minus this one, now.
  var wallSkew: Int64 { Self.read(CLOCK_REALTIME).saturating(minus: self.now.nanoseconds) }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    // A clock beyond the year 2262 stays there.
    let (seconds, overflow) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return time.tv_sec > 0 ? .max : .min }
    return StoreTime(nanoseconds: seconds).shifted(by: Int64(time.tv_nsec)).nanoseconds
  }
}

extension Int64 {
  /// The difference, within 64 bits.
  fileprivate func saturating(minus other: Int64) -> Int64 {
    StoreTime(nanoseconds: other).nanoseconds(to: StoreTime(nanoseconds: self))
  }
}
