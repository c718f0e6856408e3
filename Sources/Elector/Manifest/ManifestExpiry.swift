/// The deadline in a manifest, `--manifest-deadline`.
///
/// Source: kubelet, `pkg/kubelet/active_deadline.go`: `spec.activeDeadlineSeconds` from `status.startTime`
/// on, looked at once a second.
package struct ManifestExpiry: Equatable, Sendable {
  /// The pod's `metadata.uid`.
  package var uid: String
  /// Its `spec.activeDeadlineSeconds`.
  package var seconds: Int64

  /// - Parameter lifetime: how long the manifest may stay, counted from its first write's latest end.
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

/// The deadlines of one installation, `--manifest-deadline`: when elector and guard are dead, the kubelet
/// ends the pod by itself.
///
/// Each installation after a removal has a uid of its own, so that a later deadline updates the running pod
/// instead of replacing it. Each renewal of the lease writes a later deadline.
///
/// It assumes that the kubelet's wall clock is not set during that time, and that the kubelet does not
/// restart, after which it counts again. A kubelet counts from its start of the pod, and we count from the instant
/// at which the first write must have ended: a disk may be slow. So the pod ends up to the
/// kubelet's detection later, like after a removal.
struct ManifestLife: Equatable, Sendable {
  let uid: String
  /// The time within which a kubelet reads a later deadline.
  let detection: Duration
  /// How long the first write may take, from when its content is made. What takes longer is not installed: the kubelet
  /// would count from later than we.
  static let writeTime = Duration.seconds(1)
  /// How long, from the start, the last deadline certainly lets the pod run: it may have begun before.
  private var promised: Duration?
  /// The last deadline may have been written after the end of the one before it.
  private var isInDoubt = false

  init(uid: String, detection: Duration) {
    self.uid = uid
    self.detection = detection
  }

  /// The next deadline.
  /// - Parameters:
  ///   - end: until when the manifest may stay, counted like `now` from the start of this life.
  /// - Returns: `nil` when it is too late: the pod may have ended, and does not start again with the same
  ///   uid.
  func expiry(until end: Duration, at now: Duration) -> ManifestExpiry? {
    if self.isInDoubt { return nil }
    if let promised, now + self.detection >= promised { return nil }
    return ManifestExpiry(uid: self.uid, lifetime: end)
  }

  /// The deadline was written just before `now`.
  mutating func wrote(_ expiry: ManifestExpiry, at now: Duration) {
    if let promised, now + self.detection >= promised { self.isInDoubt = true }
    self.promised = .seconds(expiry.seconds) - Self.writeTime
  }

  var wasWritten: Bool { self.promised != nil }
}
