/// A release of the real kubelet, for what it makes of changes in the manifest directory, and for the
/// uids that it computes.
///
/// Source: `pkg/kubelet/config/file.go`, `file_linux.go`, `pod_workers.go` of the releases.
public struct KubeletVersion: Equatable, Sendable, CustomStringConvertible {
  public static let known = 1...36

  /// Of 1.x.
  public let minor: Int

  /// Reads `1.26`, `v1.26` or `1.26.3`.
  public init?(_ text: String) {
    let parts = (text.hasPrefix("v") ? text.dropFirst() : text[...])
      .split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
    guard (2...3).contains(parts.count), parts[0] == 1, let minor = parts[1],
      Self.known.contains(minor), parts.allSatisfy({ $0 != nil })
    else { return nil }
    self.minor = minor
  }

  public var description: String { "1.\(self.minor)" }

  /// How it learns of changes.
  enum Watch: Equatable {
    /// It lists the directory from time to time.
    case none
    /// By inotify alone, files whose names begin with a dot included; one list at the start.
    case everything
    /// By inotify, and lists from time to time.
    case visibleFiles
  }

  var watch: Watch {
    switch self.minor {
    case ...4: .none
    case 5: .everything
    default: .visibleFiles
    }
  }

  /// Which of two files with a pod of one name counts in a list.
  var firstDuplicateWins: Bool { self.minor <= 4 }
}
