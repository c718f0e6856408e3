/// One step of a path: a name that stays in its directory, whatever its author intends.
///
/// Every name from outside passes through it before it becomes a part of a path: of a file, or of a key. It
/// is not cleaned: a name that leads elsewhere is refused, since two names may not share a place.
package struct PathComponent: Hashable, Sendable, CustomStringConvertible {
  package let description: String

  /// - Returns: `nil` for a name with a ``problem(of:)``.
  package init?(_ name: String) {
    guard Self.problem(of: name) == nil else { return nil }
    self.description = name
  }

  /// Why a name is no step of a path, in the words of the API; `nil` when it is one.
  ///
  /// Control characters are refused, too: such a name breaks the line of a file or of a log.
  /// Source: `k8s.io/apimachinery/pkg/api/validation/path` IsValidPathSegmentName; `NAME_MAX`.
  package static func problem(of name: String) -> String? {
    if name.isEmpty { return "may not be empty" }
    if name == "." || name == ".." { return "may not be '\(name)'" }
    if name.utf8.contains(UInt8(ascii: "/")) { return "may not contain '/'" }
    if name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      return "may not contain control characters"
    }
    return name.utf8.count > 255 ? "may not have more than 255 bytes" : nil
  }

  /// The steps of a relative path.
  /// - Returns: `nil` when one of them has a problem; empty steps and `.` are passed over.
  package static func steps(of path: String) -> [PathComponent]? {
    guard !path.hasPrefix("/") else { return nil }
    let parts = path.split(separator: "/").filter { $0 != "." }
    let steps = parts.compactMap { PathComponent(String($0)) }
    return steps.count == parts.count ? steps : nil
  }
}
