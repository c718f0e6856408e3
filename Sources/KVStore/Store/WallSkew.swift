import Synchronization

/// Converts the store's times to the wall clock.
///
/// Setting the wall clock does not move the store's clock, so that it cuts no TTL short. But a client
/// compares `expiration` with the wall clock. The difference is measured whenever a time is shown; small
/// changes are ignored, so that a deadline looks the same each time.
final class WallSkew: Sendable {
  /// Nanoseconds.
  static let tolerance: Int64 = 100_000_000

  private let clock: StoreClock
  private let known = Atomic<Int64>(0)

  init(_ clock: StoreClock) {
    self.clock = clock
  }

  /// The wall clock minus the store's.
  var nanoseconds: Int64 {
    let known = self.known.load(ordering: .relaxed)
    let settled = Self.settled(known, measured: self.clock.wallSkew)
    if settled != known { self.known.store(settled, ordering: .relaxed) }
    return settled
  }

  /// The known difference, unless the clocks have moved apart.
  static func settled(_ known: Int64, measured: Int64) -> Int64 {
    let (change, overflow) = measured.subtractingReportingOverflow(known)
    return overflow || change.magnitude > self.tolerance.magnitude ? measured : known
  }
}

extension StoreTime {
  /// The same instant on a clock that is ahead. It saturates at 64 bits.
  func shifted(by nanoseconds: Int64) -> StoreTime {
    let (sum, overflow) = self.nanoseconds.addingReportingOverflow(nanoseconds)
    return StoreTime(nanoseconds: overflow ? (nanoseconds > 0 ? .max : .min) : sum)
  }
}
