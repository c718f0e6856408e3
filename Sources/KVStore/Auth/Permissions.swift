/// Which keys a role may read and write.
struct Permissions: Equatable, Sendable {
  /// `nil` where a role was made without a list and had none changed since: for etcd that is not the
  /// same as an empty one.
  var read: [KeyPattern]?
  var write: [KeyPattern]?

  static let everything = Permissions(read: ["/*"], write: ["/*"])

  var isEmpty: Bool { (self.read ?? []).isEmpty && (self.write ?? []).isEmpty }

  /// - Throws: the first pattern that is there already.
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

  /// Patterns that are not there do not matter.
  func revoking(_ less: Permissions) -> Permissions {
    func removed(_ gone: [KeyPattern]?, from old: [KeyPattern]?) -> [KeyPattern] {
      Set(old ?? []).subtracting(gone ?? []).sorted()
    }
    return Permissions(
      read: removed(less.read, from: self.read), write: removed(less.write, from: self.write))
  }
}

/// A key, or with a `*` at its end all that begin so.
struct KeyPattern: Hashable, Comparable, Sendable {
  let bytes: [UInt8]

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// What all keys begin with that it stands for; `nil` where it stands for one key.
  private var prefix: ArraySlice<UInt8>? {
    self.bytes.last == UInt8(ascii: "*") ? self.bytes.dropLast() : nil
  }

  func matches(_ rawPath: ArraySlice<UInt8>) -> Bool {
    self.prefix.map(rawPath.starts) ?? (!self.bytes.isEmpty && rawPath == self.bytes[...])
  }

  /// Whether it stands for this key and for all that begin with it.
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
