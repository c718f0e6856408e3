/// An instant of the store's own clock, in nanoseconds since 1970.
///
/// It runs with the wall clock but does not jump with it: ``StoreClock`` derives it from the time since
/// boot.
package struct StoreTime: Hashable, Comparable, Sendable {
  package let nanoseconds: Int64

  package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  package static func < (a: StoreTime, b: StoreTime) -> Bool { a.nanoseconds < b.nanoseconds }

  /// It saturates at 64 bits.
  func nanoseconds(to later: StoreTime) -> Int64 {
    let (difference, overflow) = later.nanoseconds.subtractingReportingOverflow(self.nanoseconds)
    return overflow ? (later > self ? .max : .min) : difference
  }

  /// The instant a TTL after this one.
  ///
  /// A TTL beyond 64 bits of nanoseconds wraps around, as in etcd.
  package func advanced(bySeconds seconds: UInt64) -> StoreTime {
    StoreTime(nanoseconds: self.nanoseconds &+ Int64(bitPattern: seconds) &* 1_000_000_000)
  }

  /// Whole seconds until this deadline, rounded up.
  ///
  /// Source: `expirationAndTTL` of etcd's v2store.
  func remainingSeconds(at now: StoreTime) -> Int64 {
    let remaining = now.nanoseconds(to: self)
    return remaining / 1_000_000_000 + (remaining % 1_000_000_000 > 0 ? 1 : 0)
  }
}
