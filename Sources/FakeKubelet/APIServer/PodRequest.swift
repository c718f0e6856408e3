import KubernetesObjects

/// A request to the API server about one pod.
enum PodRequest: Equatable, Sendable {
  case create(PodName, JSONValue)
  /// Deletes exactly this pod, without a grace period.
  case delete(PodName, uid: String)
  /// - change: the number of the pod's state.
  case postStatus(PodName, uid: String, status: JSONValue, change: UInt64)

  var name: PodName {
    switch self {
    case .create(let name, _), .delete(let name, _), .postStatus(let name, _, _, _): name
    }
  }
}
