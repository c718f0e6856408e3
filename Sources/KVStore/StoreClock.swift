import Foundation
import Glibc
import Synchronization

/// The store's clock: it follows the wall clock at its first start after a boot, and from then on the
/// time since boot, so that a wall clock that is set meanwhile cannot cut a TTL short, nor a restart.
///
/// Over a boot only the wall clock knows how long the machine was off. It is believed, except that the
/// store's clock never goes back: with a wall clock that is behind what the store knew last, TTLs go on
/// from there, and none gets shorter. One that is ahead cannot be told from a machine that was off for
/// as long.
package struct StoreClock: Sendable, Equatable {
  /// Names the boot of the machine in which ``offset`` holds.
  package let bootID: String
  /// Nanoseconds between the clock that counts since boot and 1970.
  package let offset: Int64

  /// What the machine's clocks show at one instant.
  package struct Reading: Equatable, Sendable {
    /// `nil` where the machine does not tell.
    package var bootID: String?
    /// Nanoseconds since boot, those of sleep included.
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

  /// What a run leaves for the next one.
  package struct Record: Equatable, Sendable {
    package var bootID: String?
    package var offset: Int64?
    /// The store's time at its last write.
    package var lastKnown: Int64?

    package init(bootID: String? = nil, offset: Int64? = nil, lastKnown: Int64? = nil) {
      self.bootID = bootID
      self.offset = offset
      self.lastKnown = lastKnown
    }
  }

  /// Decides where the clock goes on: where it was, if the machine did not boot since; else at the wall
  /// clock, but not before what was known last.
  package init(continuing record: Record = Record(), at reading: Reading = .now) {
    var offset = reading.wall - reading.sinceBoot
    if let bootID = reading.bootID, bootID == record.bootID, let known = record.offset {
      offset = known
    }
    if let lastKnown = record.lastKnown { offset = max(offset, lastKnown - reading.sinceBoot) }
    self.init(
      bootID: reading.bootID ?? "unknown-\(UInt64.random(in: .min ... .max))", offset: offset)
  }

  package init(bootID: String, offset: Int64) {
    self.bootID = bootID
    self.offset = offset
  }

  var now: StoreTime { self.time(sinceBoot: Self.read(CLOCK_BOOTTIME)) }

  package func time(sinceBoot: Int64) -> StoreTime {
    StoreTime(nanoseconds: sinceBoot + self.offset)
  }

  /// Nanoseconds that the wall clock is ahead of this one at this moment.
  var wallSkew: Int64 { Self.read(CLOCK_REALTIME) &- self.now.nanoseconds }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
