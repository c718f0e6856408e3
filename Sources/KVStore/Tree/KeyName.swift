/// One component of a key's path: any bytes but `/`, as the client sent them.
///
/// Not a `String`: etcd compares bytes, which need not be UTF-8, and Unicode would take two spellings for
/// the same text.
struct KeyName: Hashable, Comparable, Sendable {
  let bytes: [UInt8]

  init(_ bytes: some Sequence<UInt8>) {
    self.bytes = Array(bytes)
  }

  /// Listings and recursive watches leave out hidden names.
  var isHidden: Bool { self.bytes.first == UInt8(ascii: "_") }

  static func < (a: KeyName, b: KeyName) -> Bool {
    a.bytes.lexicographicallyPrecedes(b.bytes)
  }
}
