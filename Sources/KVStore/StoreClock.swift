import Foundation
import Glibc

/// The store's clock: it follows the wall clock at its first start after a boot, and from then on the
/// time since boot, so that a wall clock that is set meanwhile cannot cut a TTL short, nor a restart.
struct StoreClock: Sendable, Equatable {
  /// Names the boot of the machine in which ``offset`` holds.
  let bootID: String
  /// Nanoseconds between the clock that counts since boot and 1970.
  let offset: Int64

  /// - Parameter previous: the clock of the last run, which goes on if the machine did not boot since.
  init(continuing previous: StoreClock? = nil) {
    let bootID = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8))?
      .trimmingCharacters(in: .whitespacesAndNewlines)
    if let previous, previous.bootID == bootID {
      self = previous
    } else {
      self.init(
        bootID: bootID ?? "unknown-\(UInt64.random(in: .min ... .max))",
        offset: Self.read(CLOCK_REALTIME) - Self.read(CLOCK_BOOTTIME))
    }
  }

  init(bootID: String, offset: Int64) {
    self.bootID = bootID
    self.offset = offset
  }

  var now: StoreTime { StoreTime(nanoseconds: Self.read(CLOCK_BOOTTIME) + self.offset) }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
