/// Where a field stands in its object, as errors name it: `spec.containers[0].resources.limits[cpu]`.
package indirect enum FieldPath: Sendable, CustomStringConvertible {
  case root(String)
  case child(FieldPath, String)
  case index(FieldPath, Int)
  case key(FieldPath, String)

  package var description: String {
    switch self {
    case .root(let name): name
    case .child(let parent, let name): "\(parent).\(name)"
    case .index(let parent, let index): "\(parent)[\(index)]"
    case .key(let parent, let key): "\(parent)[\(key)]"
    }
  }
}

/// A field of a decoded object, with its place.
///
/// A field that is absent reads as Go's zero value: an empty text, zero, no elements.
package struct ObjectField {
  package let value: JSONValue?
  package let path: FieldPath

  package init(_ value: JSONValue?, at path: FieldPath) {
    self.value = value
    self.path = path
  }

  package subscript(_ name: String) -> Self {
    Self(self.value?[name], at: .child(self.path, name))
  }

  package var isPresent: Bool { self.value != nil }
  /// The field itself; `nil` when it is absent.
  package var ifPresent: Self? { self.isPresent ? self : nil }
  package var text: String { self.value?.string ?? "" }
  package var number: Int64 { self.value?.integer ?? 0 }
  package var isTrue: Bool { self.value?.boolean == true }

  package var elements: [Self] {
    (self.value?.elements ?? []).enumerated().map { Self($1, at: .index(self.path, $0)) }
  }

  /// The members of a map by key; their places are `path[key]`.
  package var members: [(key: String, field: Self)] {
    (self.value?.members ?? [:]).sorted(by: ByteOrder.precedes)
      .map { ($0.key, Self($0.value, at: .key(self.path, $0.key))) }
  }

  package var isEmpty: Bool {
    (self.value?.elements.isEmpty ?? true) && (self.value?.members.isEmpty ?? true)
  }
}
