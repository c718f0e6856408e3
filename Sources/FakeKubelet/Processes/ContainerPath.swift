/// Paths in a container, as values. As in the container itself, nothing leads above its root.
enum ContainerPath {
  /// The steps of a path, without `..`: above the root is the root.
  static func steps(_ path: String) -> [String] {
    path.split(separator: "/").reduce(into: []) { steps, part in
      switch part {
      case ".": break
      case "..": _ = steps.popLast()
      default: steps.append(String(part))
      }
    }
  }

  /// Links on the way to one path, beyond which it is a loop. Source: path_resolution(7).
  private static let mostLinks = 40

  /// The place of a mount: its path with the image's links on the way followed, as in the container. The last
  /// step may be a link, which the mount replaces.
  /// - Parameter entries: of a directory of the image; empty for what is none.
  /// - Returns: `nil` for a loop.
  static func place(
    of path: String, entries: (String) -> [String: ContainerCommand.Entry]
  ) -> String? {
    var rest = Self.steps(path)[...]
    var place: [String] = []
    var links = 0
    while let step = rest.popFirst() {
      if step == ".." {
        _ = place.popLast()
      } else if !rest.isEmpty, case .link(let target)? = entries(Self.text(place))[step] {
        links += 1
        guard links <= Self.mostLinks else { return nil }
        if target.hasPrefix("/") { place = [] }
        rest = target.split(separator: "/").filter { $0 != "." }.map(String.init)[...] + rest
      } else {
        place.append(step)
      }
    }
    return Self.text(place)
  }

  static func text(_ steps: [String]) -> String { "/" + steps.joined(separator: "/") }

  /// The rest of a path beneath another one; `nil` when it is not beneath it.
  static func rest(of path: String, beneath outer: String) -> String? {
    let (steps, start) = (Self.steps(path), Self.steps(outer))
    guard steps.count > start.count, steps.starts(with: start) else { return nil }
    return steps.dropFirst(start.count).joined(separator: "/")
  }

  /// Entries of bubblewrap's own `/dev` that lead out of it.
  private static let links = ["core", "fd", "ptmx", "stderr", "stdin", "stdout"]

  /// Whether a mount cannot be there unless another mount is around it: in `/proc` links lead to what the
  /// machine has mounted, and so do some in `/dev`; and the directories in a privileged container's `/dev` are the
  /// machine's.
  static func isReserved(_ place: String, isPrivileged: Bool) -> Bool {
    let steps = Self.steps(place)
    guard steps.count > 1 else { return false }
    return steps[0] == "proc"
      || (steps[0] == "dev" && (Self.links.contains(steps[1]) || isPrivileged && steps.count > 2))
  }
}
