/// What images are on this machine.
///
/// There is no registry and nothing is unpacked: an image is a directory that holds its root, or one
/// binary, or, unless it is named here, this machine's own root.
public struct ImageMap: Equatable, Sendable {
  public enum Root: Equatable, Sendable {
    /// This machine's own.
    case host
    /// A directory.
    case directory(String)
    /// This machine's own, with a binary in it under the image's name, such as `/podmaster`: its entry point.
    case binary(String, at: String)
  }

  private var entries: [String: String] = [:]

  public init() {}

  /// - Parameters:
  ///   - image: with its tag, or without for all of its tags.
  ///   - path: of the directory or the binary.
  public mutating func add(_ image: String, path: String) { self.entries[image] = path }

  /// Takes `IMAGE=PATH` apart; `nil` when it is none.
  public static func entry(_ text: String) -> (image: String, path: String)? {
    guard let equals = text.firstIndex(of: "=") else { return nil }
    let (image, path) = (text[..<equals], text[text.index(after: equals)...])
    return image.isEmpty || !path.hasPrefix("/") ? nil : (String(image), String(path))
  }

  /// The path for an image: for itself, or for its name without tag and digest.
  func path(of image: String) -> String? {
    self.entries[image] ?? self.entries[Self.name(image)]
  }

  func root(of image: String, isDirectory: (String) -> Bool) -> Root {
    guard let path = self.path(of: image) else { return .host }
    if isDirectory(path) { return .directory(path) }
    let name = Self.name(image).split(separator: "/").last ?? "image"
    return .binary(path, at: "/\(name)")
  }

  /// An image's name without tag and digest; a registry's port is no tag.
  static func name(_ image: String) -> String {
    let name = image.prefix { $0 != "@" }
    guard let colon = name.lastIndex(of: ":"), !name[colon...].contains("/") else {
      return String(name)
    }
    return String(name[..<colon])
  }
}
