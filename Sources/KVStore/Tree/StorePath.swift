/// One component of a key's path: any bytes but `/`, as the client sent them.
///
/// Bytes rather than a `String`, since etcd stores and compares keys as they are, also where they are
/// no UTF-8 and where Unicode would take two spellings for the same text.
struct KeyName: Hashable, Comparable, Sendable {
  let bytes: [UInt8]

  init(_ bytes: some Sequence<UInt8>) {
    self.bytes = Array(bytes)
  }

  /// Hidden names are left out of listings and of recursive watches.
  var isHidden: Bool { self.bytes.first == UInt8(ascii: "_") }

  static func < (a: KeyName, b: KeyName) -> Bool {
    a.bytes.lexicographicallyPrecedes(b.bytes)
  }
}

/// The absolute, clean path of a key: `/` or `/a/b`, never with an empty component or a slash at its
/// end.
package struct StorePath: Hashable, Sendable {
  package let bytes: [UInt8]

  static let root = StorePath(clean: [slash])
  static let slash = UInt8(ascii: "/")

  /// - Parameter clean: a path that is clean already.
  init(clean: [UInt8]) {
    self.bytes = clean
  }

  /// Cleans what a client sent: empty components are dropped.
  init(_ bytes: some Sequence<UInt8>) {
    var clean: [UInt8] = []
    for byte in bytes where byte != Self.slash || clean.last != Self.slash {
      if clean.isEmpty, byte != Self.slash { clean.append(Self.slash) }
      clean.append(byte)
    }
    if clean.count > 1, clean.last == Self.slash { clean.removeLast() }
    self.bytes = clean.isEmpty ? [Self.slash] : clean
  }

  package init(_ text: String) {
    self.init(text.utf8)
  }

  var isRoot: Bool { self.bytes.count == 1 }

  /// A key has no more components than this.
  ///
  /// What walks the tree calls itself once for each, and every directory on the way is a row with its
  /// whole path: a head of 64 KiB could otherwise ask for thirty thousand of both. Readers set the number:
  /// each component is an object in an array of a recursive answer, and 512 is as deep as Foundation's
  /// JSON goes.
  static let maxDepth = 250

  /// How many components there are; none for the root.
  var depth: Int {
    self.isRoot ? 0 : self.bytes.reduce(0) { $1 == Self.slash ? $0 + 1 : $0 }
  }

  /// The components from the root down; none for the root.
  var names: [KeyName] {
    self.bytes.split(separator: Self.slash).map { KeyName($0) }
  }

  func appending(_ name: KeyName) -> StorePath {
    StorePath(clean: (self.isRoot ? [] : self.bytes) + [Self.slash] + name.bytes)
  }

  /// The root, then every directory on the way, then the path itself.
  var lineage: [StorePath] {
    guard !self.isRoot else { return [self] }
    var result = [StorePath.root]
    for end in self.bytes.indices.dropFirst() where self.bytes[end] == Self.slash {
      result.append(StorePath(clean: Array(self.bytes[..<end])))
    }
    result.append(self)
    return result
  }

  /// Whether this path lies below the other one.
  func isBelow(_ other: StorePath) -> Bool {
    guard self.bytes.count > other.bytes.count else { return false }
    return other.isRoot
      || self.bytes.starts(with: other.bytes) && self.bytes[other.bytes.count] == Self.slash
  }
}

extension StorePath: CustomStringConvertible {
  /// For logs; what is no UTF-8 is shown as U+FFFD.
  package var description: String { String(decoding: self.bytes, as: UTF8.self) }
}
