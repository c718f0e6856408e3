/// An instant of the store's own clock, in nanoseconds since 1970.
///
/// It runs with the wall clock where nobody touches that, but it does not jump with it: the shell
/// derives it from the clock that counts since boot.
package struct StoreTime: Hashable, Comparable, Sendable {
  package let nanoseconds: Int64

  package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  package static func < (a: StoreTime, b: StoreTime) -> Bool { a.nanoseconds < b.nanoseconds }

  /// The time from this instant to a later one; at the limits of 64 bits it saturates.
  func nanoseconds(to later: StoreTime) -> Int64 {
    let (difference, overflow) = later.nanoseconds.subtractingReportingOverflow(self.nanoseconds)
    return overflow ? (later > self ? .max : .min) : difference
  }

  /// The instant a TTL after this one.
  ///
  /// A TTL beyond what 64 bits of nanoseconds can hold wraps around, as it does in etcd.
  package func advanced(bySeconds seconds: UInt64) -> StoreTime {
    StoreTime(nanoseconds: self.nanoseconds &+ Int64(bitPattern: seconds) &* 1_000_000_000)
  }

  /// The time that remains until this deadline in whole seconds, rounded up.
  ///
  /// Source: `expirationAndTTL` of etcd's v2store.
  func remainingSeconds(at now: StoreTime) -> Int64 {
    let remaining = now.nanoseconds(to: self)
    return remaining / 1_000_000_000 + (remaining % 1_000_000_000 > 0 ? 1 : 0)
  }
}
