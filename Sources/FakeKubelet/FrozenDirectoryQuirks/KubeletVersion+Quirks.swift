/// The differences between the releases in reading the manifest directory.
///
/// Source: `pkg/kubelet/config/file.go`, `file_linux.go`, `pod_workers.go` of the releases.
extension KubeletVersion {
  /// How the release notices changes.
  enum Watch: Equatable {
    /// Only by periodic lists.
    case none
    /// Only by inotify, including names that begin with a dot; one list at the start.
    case everything
    /// By inotify and periodic lists.
    case visibleFiles
  }

  var watch: Watch {
    switch self.minor {
    case ...4: .none
    case 5: .everything
    default: .visibleFiles
    }
  }

  /// Whether the first of two files with the same pod counts in a list.
  var firstDuplicateWins: Bool { self.minor <= 4 }
}
