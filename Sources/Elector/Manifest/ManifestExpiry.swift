/// The deadline in a manifest, `--manifest-deadline`.
///
/// Source: kubelet, `pkg/kubelet/active_deadline.go`: `spec.activeDeadlineSeconds` from `status.startTime`
/// on, looked at once a second.
package struct ManifestExpiry: Equatable, Sendable {
  /// The pod's `metadata.uid`.
  package var uid: String
  /// Its `spec.activeDeadlineSeconds`.
  package var seconds: Int64

  /// - Parameter lifetime: how long the manifest may stay, counted from before it was first written.
  /// - Returns: `nil` when that is too short for a deadline.
  init?(uid: String, lifetime: Duration) {
    let seconds = lifetime.components.seconds - Self.lateness.components.seconds
    guard seconds >= 1 else { return nil }
    self.uid = uid
    self.seconds = min(seconds, Int64(Int32.max))
  }

  /// A kubelet checks once a second.
  private static let lateness = Duration.seconds(1)
  /// How much earlier than its lifetime a pod may end, because deadlines are whole seconds.
  static let rounding = lateness + .seconds(1)
}
