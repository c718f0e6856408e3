/// How kubectl writes how long ago something was: `45s`, `2m5s`, `3m`, `5h30m`.
///
/// Source: k8s.io/apimachinery `duration.HumanDuration`.
package enum Age {
  package static func text(seconds: Int) -> String {
    func pair(_ large: Int, _ largeUnit: String, _ small: Int, _ smallUnit: String) -> String {
      small == 0 ? "\(large)\(largeUnit)" : "\(large)\(largeUnit)\(small)\(smallUnit)"
    }
    let minutes = seconds / 60
    let hours = minutes / 60
    let days = hours / 24
    switch seconds {
    case ..<(-1): return "<invalid>"
    case ..<0: return "0s"
    case ..<120: return "\(seconds)s"
    case ..<600: return pair(minutes, "m", seconds % 60, "s")
    default: break
    }
    switch hours {
    case ..<3: return "\(minutes)m"
    case ..<8: return pair(hours, "h", minutes % 60, "m")
    case ..<48: return "\(hours)h"
    case ..<(24 * 8): return pair(days, "d", hours % 24, "h")
    case ..<(24 * 365 * 2): return "\(days)d"
    case ..<(24 * 365 * 8): return pair(days / 365, "y", days % 365, "d")
    default: return "\(days / 365)y"
    }
  }
}
