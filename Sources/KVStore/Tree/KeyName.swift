/// One component of a key's path: any bytes but `/`, as the client sent them.
///
/// Not a `String`: etcd compares bytes, which need not be UTF-8, and Unicode would take two spellings for
/// the same text. Up to fifteen bytes are kept in place, without an allocation.
struct KeyName: Hashable, Comparable, Sendable {
  /// The first fifteen bytes as a number, the first byte highest, and then the length, or 255 where ``long`` has
  /// the bytes: so numbers compare as bytes do.
  private let high: UInt64
  private let low: UInt64
  private let long: [UInt8]?

  init(_ bytes: some Collection<UInt8>) {
    let count = bytes.count
    guard count <= 15 else {
      (self.high, self.low, self.long) = (0, 255, Array(bytes))
      return
    }
    var (high, low) = (0 as UInt64, 0 as UInt64)
    for (position, byte) in bytes.enumerated() {
      if position < 8 {
        high |= UInt64(byte) << UInt64(56 - 8 * position)
      } else {
        low |= UInt64(byte) << UInt64(120 - 8 * position)
      }
    }
    (self.high, self.low, self.long) = (high, low | UInt64(count), nil)
  }

  var bytes: [UInt8] {
    if let long = self.long { return long }
    return (0..<Int(self.low & 255)).map { position in
      let word = position < 8 ? self.high : self.low
      return UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * (position & 7)))
    }
  }

  /// Listings and recursive watches leave out hidden names.
  var isHidden: Bool { (self.long?.first ?? UInt8(self.high >> 56)) == UInt8(ascii: "_") }

  func hash(into hasher: inout Hasher) {
    hasher.combine(self.high)
    hasher.combine(self.low)
    if let long = self.long { hasher.combine(long) }
  }

  static func < (a: KeyName, b: KeyName) -> Bool {
    if a.long == nil, b.long == nil { return (a.high, a.low) < (b.high, b.low) }
    return a.bytes.lexicographicallyPrecedes(b.bytes)
  }
}
