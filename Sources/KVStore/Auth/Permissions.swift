/// The keys that a role may read and write.
struct Permissions: Equatable, Sendable {
  /// `nil` if the role was created without a list and never changed: etcd distinguishes that from an
  /// empty list.
  var read: [KeyPattern]?
  var write: [KeyPattern]?

  static let everything = Permissions(read: ["/*"], write: ["/*"])

  var isEmpty: Bool { (self.read ?? []).isEmpty && (self.write ?? []).isEmpty }

  /// - Throws: the first duplicate pattern.
  func granting(_ more: Permissions) throws(AuthError) -> Permissions {
    func added(
      _ new: [KeyPattern]?, to old: [KeyPattern]?, _ action: AuthRules.Action
    ) throws(AuthError) -> [KeyPattern] {
      var patterns = Set(old ?? [])
      for pattern in new ?? [] where !patterns.insert(pattern).inserted {
        throw .duplicatePermission(action, pattern)
      }
      return patterns.sorted()
    }
    return Permissions(
      read: try added(more.read, to: self.read, .read),
      write: try added(more.write, to: self.write, .write))
  }

  /// Patterns that are not granted are ignored.
  func revoking(_ less: Permissions) -> Permissions {
    func removed(_ gone: [KeyPattern]?, from old: [KeyPattern]?) -> [KeyPattern] {
      Set(old ?? []).subtracting(gone ?? []).sorted()
    }
    return Permissions(
      read: removed(less.read, from: self.read), write: removed(less.write, from: self.write))
  }
}

/// A key, or with `*` at its end all keys with that prefix.
struct KeyPattern: Hashable, Comparable, Sendable {
  let bytes: [UInt8]

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// `nil` for a single key.
  private var prefix: ArraySlice<UInt8>? {
    self.bytes.last == UInt8(ascii: "*") ? self.bytes.dropLast() : nil
  }

  func matches(_ rawPath: ArraySlice<UInt8>) -> Bool {
    self.prefix.map(rawPath.starts) ?? (!self.bytes.isEmpty && rawPath == self.bytes[...])
  }

  /// Whether it covers this key and all keys that begin with it.
  func coversAllBelow(_ rawPath: ArraySlice<UInt8>) -> Bool {
    self.prefix.map(rawPath.starts) ?? false
  }

  static func < (a: KeyPattern, b: KeyPattern) -> Bool {
    a.bytes.lexicographicallyPrecedes(b.bytes)
  }
}

extension KeyPattern: ExpressibleByStringLiteral {
  init(stringLiteral text: String) {
    self.init(Array(text.utf8))
  }
}
