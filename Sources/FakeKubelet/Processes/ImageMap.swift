/// What each image is on this machine.
///
/// There is no registry and no unpacking: an image is a directory with its root, a single binary, or, for
/// images that are not in the map, the machine's own root.
public struct ImageMap: Equatable, Sendable {
  public enum Root: Equatable, Sendable {
    /// The machine's own root.
    case host
    /// A directory with the image's root.
    case directory(String)
    /// The machine's own root with a binary under the image's name, such as `/podmaster`: the entry point.
    case binary(String, at: String)
  }

  private var entries: [String: String] = [:]

  public init() {}

  /// - Parameters:
  ///   - image: with a tag, or without one for all tags.
  ///   - path: the directory or the binary.
  public mutating func add(_ image: String, path: String) { self.entries[image] = path }

  /// Parses `IMAGE=PATH`; `nil` for any other text.
  public static func entry(_ text: String) -> (image: String, path: String)? {
    guard let equals = text.firstIndex(of: "=") else { return nil }
    let (image, path) = (text[..<equals], text[text.index(after: equals)...])
    return image.isEmpty || !path.hasPrefix("/") ? nil : (String(image), String(path))
  }

  /// The path of an image, or of its name without tag and digest.
  func path(of image: String) -> String? {
    self.entries[image] ?? self.entries[Self.name(image)]
  }

  func root(of image: String, isDirectory: (String) -> Bool) -> Root {
    guard let path = self.path(of: image) else { return .host }
    if isDirectory(path) { return .directory(path) }
    let name = Self.name(image).split(separator: "/").last ?? "image"
    return .binary(path, at: "/\(name)")
  }

  /// An image's name without tag and digest; a registry's port is not a tag.
  static func name(_ image: String) -> String {
    let name = image.prefix { $0 != "@" }
    guard let colon = name.lastIndex(of: ":"), !name[colon...].contains("/") else {
      return String(name)
    }
    return String(name[..<colon])
  }
}
