/// A release of the real kubelet: it decides the uids of pods, and how the manifest directory is read.
public struct KubeletVersion: Equatable, Sendable, CustomStringConvertible {
  /// The releases that can be imitated, as minor versions of 1.x.
  public static let known = 1...36

  /// The minor version of 1.x.
  public let minor: Int

  /// Parses `1.26`, `v1.26` or `1.26.3`; `nil` for any other text.
  public init?(_ text: String) {
    let parts = (text.hasPrefix("v") ? text.dropFirst() : text[...])
      .split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
    guard (2...3).contains(parts.count), parts[0] == 1, let minor = parts[1],
      Self.known.contains(minor), parts.allSatisfy({ $0 != nil })
    else { return nil }
    self.minor = minor
  }

  /// Whether containers may be privileged where the command line does not say: since 1.15.
  public var allowsPrivilegedByDefault: Bool { self.minor >= 15 }

  public var description: String { "1.\(self.minor)" }
}
