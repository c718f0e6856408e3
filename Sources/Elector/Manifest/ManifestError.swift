import Glibc

/// Why a manifest cannot be read, written or removed.
public enum ManifestError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Action: String, Sendable { case read, write, remove }

  case failed(Action, String, Int32)
  /// The source is empty.
  case empty(String)
  /// The source's pod may need longer to stop than the elector assumed at its start.
  case graceTooLong(String, Duration, assumed: Duration)
  /// The source cannot be stamped: it is neither YAML nor JSON, or not a pod.
  case notAPod(String, reason: String)
  /// It is installed, but may not survive a crash of the machine.
  case notSynced(String, String)

  /// Whether the destination surely has not changed.
  var leavesDestination: Bool {
    if case .notSynced = self { false } else { true }
  }

  public var description: String {
    switch self {
    case .failed(let action, let path, let errno):
      "cannot \(action.rawValue) \(path): \(String(cString: strerror(errno)))"
    case .empty(let path): "\(path) is empty"
    case .graceTooLong(let path, let grace, let assumed):
      """
      the pod in \(path) may need \(grace) to stop, but this elector started with \(assumed) \
      (terminationGracePeriodSeconds, preStop): restart it to use the new manifest
      """
    case .notAPod(let path, let reason): "\(path) is not a pod that can be stamped: \(reason)"
    case .notSynced(let path, let reason):
      "\(path) is installed, but may not survive a crash: \(reason)"
    }
  }
}
