import Synchronization

/// How the store's times are shown: as the wall clock has them.
///
/// The store's own clock does not follow a wall clock that is set, so that no TTL is cut short; an
/// `expiration` that is compared with a wall clock has to. It is looked at only when one is shown, and small
/// differences change nothing, so that the same deadline is shown the same each time.
final class WallSkew: Sendable {
  /// Nanoseconds.
  static let tolerance: Int64 = 100_000_000

  private let clock: StoreClock
  private let known = Atomic<Int64>(0)

  init(_ clock: StoreClock) {
    self.clock = clock
  }

  /// Nanoseconds that the wall clock is ahead of the store's.
  var nanoseconds: Int64 {
    let known = self.known.load(ordering: .relaxed)
    let settled = Self.settled(known, measured: self.clock.wallSkew)
    if settled != known { self.known.store(settled, ordering: .relaxed) }
    return settled
  }

  /// What counts from now on: what was known, unless the clocks have moved apart since.
  static func settled(_ known: Int64, measured: Int64) -> Int64 {
    let (change, overflow) = measured.subtractingReportingOverflow(known)
    return overflow || change.magnitude > self.tolerance.magnitude ? measured : known
  }
}

extension StoreTime {
  /// The same instant on a clock that is ahead; at the limits of 64 bits it saturates.
  func shifted(by nanoseconds: Int64) -> StoreTime {
    let (sum, overflow) = self.nanoseconds.addingReportingOverflow(nanoseconds)
    return StoreTime(nanoseconds: overflow ? (nanoseconds > 0 ? .max : .min) : sum)
  }
}
