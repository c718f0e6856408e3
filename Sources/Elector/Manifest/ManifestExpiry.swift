/// What a manifest says of its pod's end, `--manifest-deadline`.
///
/// Source: kubelet, `pkg/kubelet/active_deadline.go`: `spec.activeDeadlineSeconds` from `status.startTime`
/// on, looked at once a second.
package struct ManifestExpiry: Equatable, Sendable {
  /// The pod's `metadata.uid`.
  package var uid: String
  /// Its `spec.activeDeadlineSeconds`.
  package var seconds: Int64

  /// - Parameter lifetime: for how long the manifest may stay, from before it was first written.
  /// - Returns: `nil` when that is too short to be said.
  init?(uid: String, lifetime: Duration) {
    let seconds = lifetime.components.seconds - Self.lateness.components.seconds
    guard seconds >= 1 else { return nil }
    self.uid = uid
    self.seconds = min(seconds, Int64(Int32.max))
  }

  /// A kubelet looks once a second.
  private static let lateness = Duration.seconds(1)
  /// How much earlier than the end of ``init(uid:lifetime:)``'s lifetime a pod may be ended: whole seconds
  /// are all that can be said.
  static let rounding = lateness + .seconds(1)
}

/// A pod that the kubelet ends by itself, `--manifest-deadline`: if nobody is left to remove its manifest,
/// the kubelet is the one who still acts.
///
/// Each installation after a removal gets a uid of its own, which makes a later deadline an update of the
/// running pod and not another pod. Each renewal of the lease writes a later deadline.
///
/// What it takes for granted: the kubelet's wall clock is not set meanwhile, and the kubelet is not
/// started again, from when on it counts anew. A kubelet counts from the instant at which it began with
/// the pod; here from before the manifest was written, so its end comes up to the kubelet's detection
/// later, like that of a pod whose manifest was removed.
struct ManifestLife: Equatable, Sendable {
  let uid: String
  /// What a kubelet takes to read of a later deadline.
  let detection: Duration
  /// For how long, from the beginning on, what was written last lets the pod run at least.
  private var promised: Duration?
  /// The last deadline may have come after the end of the one before it.
  private var isInDoubt = false

  init(uid: String, detection: Duration) {
    self.uid = uid
    self.detection = detection
  }

  /// What is to be written.
  /// - Parameters:
  ///   - end: until when the manifest may stay, from the beginning of this life on, as is `now`.
  /// - Returns: `nil` when it is too late: the pod may have ended, and it does not start again with the
  ///   same uid.
  func expiry(until end: Duration, at now: Duration) -> ManifestExpiry? {
    if self.isInDoubt { return nil }
    if let promised, now + self.detection >= promised { return nil }
    return ManifestExpiry(uid: self.uid, lifetime: end)
  }

  /// It was written, just before `now`.
  mutating func wrote(_ expiry: ManifestExpiry, at now: Duration) {
    if let promised, now + self.detection >= promised { self.isInDoubt = true }
    self.promised = .seconds(expiry.seconds)
  }
}
