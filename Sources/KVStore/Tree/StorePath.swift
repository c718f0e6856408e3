/// The absolute, clean path of a key: `/` or `/a/b`, without empty components and without a slash at the
/// end.
package struct StorePath: Hashable, Sendable {
  package let bytes: [UInt8]

  static let root = StorePath(clean: [slash])
  static let slash = UInt8(ascii: "/")

  init(clean: [UInt8]) {
    self.bytes = clean
  }

  /// Drops empty components.
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

  /// The most components of a key.
  ///
  /// Walks of the tree recurse once per component, and every directory is a row with its whole path: a
  /// head of 64 KiB could ask for thirty thousand of both. Clients set the number: a recursive answer has an
  /// object in an array for each component, and Foundation's JSON decoder stops at a depth of 512.
  static let maxDepth = 250

  /// The number of components; 0 for the root.
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
    return [.root] + self.directories(from: 1) + [self]
  }

  /// The directories above this path whose own paths have this length or more, parents first.
  func directories(from length: Int) -> [StorePath] {
    self.bytes.indices[max(length, 1)...].filter { self.bytes[$0] == Self.slash }
      .map { StorePath(clean: Array(self.bytes[..<$0])) }
  }

  package func isBelow(_ other: StorePath) -> Bool {
    guard self.bytes.count > other.bytes.count else { return false }
    return other.isRoot
      || self.bytes.starts(with: other.bytes) && self.bytes[other.bytes.count] == Self.slash
  }
}

extension StorePath: CustomStringConvertible {
  /// For logs; invalid UTF-8 becomes U+FFFD.
  package var description: String { String(decoding: self.bytes, as: UTF8.self) }
}
