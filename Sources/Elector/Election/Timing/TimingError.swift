/// Why there is no ``Timing``.
public enum TimingError: Error, Equatable, CustomStringConvertible {
  case ttl(Int64)
  case sleep(Duration)
  case detection(Duration)
  /// A pod's own deadline could pass before the kubelet has read the next one.
  case deadlineDoesNotFit(ttlSeconds: Int64, margin: Duration, PodStop, shortest: Int64)

  public var description: String {
    switch self {
    case .ttl(let seconds):
      "--ttl-secs must be between 1 and \(Int32.max), not \(seconds)"
    case .sleep(let duration):
      "--sleep must be at least 1ms, not \(duration)"
    case .detection(let duration):
      "--kubelet-detection must not be negative, and is \(duration)"
    case .deadlineDoesNotFit(let seconds, let margin, let podStop, let shortest):
      """
      --manifest-deadline does not fit: a lease of \(seconds) seconds without its margin of \(margin), \
      the two seconds by which a pod's deadline is rounded, and --kubelet-detection \
      \(podStop.detection) leaves no time to renew it; use --ttl-secs \(shortest) or more, or \
      --manifest-deadline=false
      """
    }
  }
}
