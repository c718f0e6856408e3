import KubernetesObjects

/// The options of a request for a container's log, `/containerLogs`.
///
/// Source: `k8s.io/api/core/v1/types.go` PodLogOptions, `pkg/kubelet/server/server.go` getContainerLogs.
struct ContainerLogOptions: Equatable, Sendable {
  var follows = false
  var previous = false
  var timestamps = false
  /// At least 0.
  var tailLines: Int?
  /// At least 1.
  var limitBytes: Int?
  /// RFC 3339 in UTC with nine fractional digits: earlier lines are omitted.
  var since: String?

  init() {}

  /// `nil` for a malformed option; unknown options are ignored.
  /// - Parameter now: for `sinceSeconds`.
  init?(query: [(name: String, value: String)], now: WallClock) {
    var sinces = 0
    for (name, value) in query {
      switch name {
      case "follow":
        guard let flag = Self.flag(value) else { return nil }
        self.follows = flag
      case "previous":
        guard let flag = Self.flag(value) else { return nil }
        self.previous = flag
      case "timestamps":
        guard let flag = Self.flag(value) else { return nil }
        self.timestamps = flag
      case "tailLines":
        guard let lines = Int(value), lines >= 0 else { return nil }
        self.tailLines = lines
      // An older name; a value that is no number means all lines.
      case "tail":
        if self.tailLines == nil { self.tailLines = Int(value).flatMap { $0 < 0 ? nil : $0 } }
      case "limitBytes":
        guard let bytes = Int(value), bytes >= 1 else { return nil }
        self.limitBytes = bytes
      case "sinceSeconds":
        guard let seconds = Int64(value), seconds >= 1 else { return nil }
        // No line is older than 1970, and the text of an earlier year would not sort.
        let age = min(seconds, now.secondsAtStart)
        self.since = now.nanoseconds(KubeletInstant(sinceStart: .seconds(-age)))
        sinces += 1
      case "sinceTime":
        guard let seconds = KubernetesTime.seconds(of: value) else { return nil }
        self.since = KubernetesTime.nanoseconds(seconds, 0)
        sinces += 1
      default: break
      }
    }
    if sinces > 1 { return nil }
  }

  private static func flag(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "true", "1", "": true
    case "false", "0": false
    default: nil
    }
  }
}
