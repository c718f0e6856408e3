extension KubernetesTime {
  /// An age as kubectl prints it, in at most two units: `95s`, `5m30s`, `3d5h`.
  ///
  /// Source: `k8s.io/apimachinery/pkg/util/duration` HumanDuration.
  package static func age(seconds: Int64) -> String {
    func two(_ whole: Int64, _ unit: String, _ rest: Int64, _ smallUnit: String) -> String {
      rest == 0 ? "\(whole)\(unit)" : "\(whole)\(unit)\(rest)\(smallUnit)"
    }
    let (minutes, hours) = (seconds / 60, seconds / 3_600)
    let (days, years) = (hours / 24, hours / 24 / 365)
    return switch seconds {
    case ..<(-1): "<invalid>"
    // Clocks differ: an object from the coming second is new.
    case ..<0: "0s"
    case ..<120: "\(seconds)s"
    case _ where minutes < 10: two(minutes, "m", seconds % 60, "s")
    case _ where minutes < 180: "\(minutes)m"
    case _ where hours < 8: two(hours, "h", minutes % 60, "m")
    case _ where hours < 48: "\(hours)h"
    case _ where hours < 192: two(days, "d", hours % 24, "h")
    case _ where days < 365 * 2: "\(days)d"
    case _ where days < 365 * 8: two(years, "y", days % 365, "d")
    default: "\(years)y"
    }
  }

  /// The age of a field's time; `<unknown>` for a field that is absent, null or no time.
  /// - Parameter now: seconds since 1970.
  package static func age(_ time: JSONValue?, now: Int64) -> String {
    guard let then = time?.string.flatMap(Self.seconds(of:)) else { return "<unknown>" }
    return Self.age(seconds: now - then)
  }
}
