import FoundationEssentials

/// How Kubernetes writes points in time.
package enum KubernetesTime {
  /// Whole seconds. Source: `metav1.Time`.
  package static func seconds(_ date: Date) -> String { date.formatted(.iso8601) }

  /// Six digits, no more and no less. Source: `metav1.MicroTime`, `RFC3339Micro`.
  package static func microseconds(_ date: Date) -> String {
    let microseconds = Int64((date.timeIntervalSince1970 * 1e6).rounded(.down))
    let digits = String(microseconds % 1_000_000 + 1_000_000).dropFirst()
    let seconds = Date(timeIntervalSince1970: Double(microseconds / 1_000_000))
    return Self.seconds(seconds).dropLast() + ".\(digits)Z"
  }
}
