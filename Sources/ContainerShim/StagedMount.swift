import KubernetesObjects

/// A mount that the shim puts together itself, since bubblewrap would follow links on the way to it: a part of
/// a volume (`subPath`), or a mount inside of another one.
package struct StagedMount: Equatable, Sendable {
  /// The volume on this machine, an absolute path.
  package let source: String
  /// The part of the volume, beneath its root; empty for all of it.
  package let subPath: String
  package let isReadOnly: Bool
  /// The outermost mount around this one, by its index, and the place in it; `nil` for an outermost one.
  package let outer: Outer?

  package struct Outer: Equatable, Sendable {
    package let index: Int
    package let place: String

    package init(index: Int, place: String) {
      self.index = index
      self.place = place
    }
  }

  package init(source: String, subPath: String, isReadOnly: Bool, outer: Outer?) {
    self.source = source
    self.subPath = subPath
    self.isReadOnly = isReadOnly
    self.outer = outer
  }

  /// The place in the shim's directory at which bubblewrap finds an outermost one.
  package static func path(_ index: Int, in directory: String) -> String {
    "\(directory)/m\(index)"
  }

  // MARK: As an argument of the shim

  package static func text(of mounts: [StagedMount]) -> String {
    let values = mounts.map { mount -> JSONValue in
      [
        .string(mount.source), .string(mount.subPath), .boolean(mount.isReadOnly),
        .integer(Int64(mount.outer?.index ?? -1)), .string(mount.outer?.place ?? ""),
      ]
    }
    return JSONValue.array(values).description
  }

  /// - Returns: `nil` for another text.
  package static func mounts(_ text: String) -> [StagedMount]? {
    guard case .array(let values)? = try? JSONValue(parsing: Array(text.utf8)) else { return nil }
    let mounts = values.compactMap { value -> StagedMount? in
      let parts = value.elements
      guard parts.count == 5, let source = parts[0].string, let subPath = parts[1].string,
        let isReadOnly = parts[2].boolean, let index = parts[3].integer,
        let place = parts[4].string
      else { return nil }
      return StagedMount(
        source: source, subPath: subPath, isReadOnly: isReadOnly,
        outer: index < 0 ? nil : Outer(index: Int(index), place: place))
    }
    return mounts.count == values.count ? mounts : nil
  }
}
