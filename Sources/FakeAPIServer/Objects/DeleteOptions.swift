import KubernetesObjects

/// The options of a deletion.
struct DeleteOptions: Equatable, Sendable {
  /// In seconds; `nil` for the object's own.
  var gracePeriod: Int64?
  var uid: String?
  var resourceVersion: String?
  /// Whether nothing is deleted.
  var isDryRun = false

  /// - Parameters:
  ///   - body: a DeleteOptions object; may be empty.
  ///   - query: the query's `gracePeriodSeconds`, which overrides the body's.
  init(_ body: JSONValue, query: String?) throws(APIFailure) {
    self.gracePeriod = body["gracePeriodSeconds"]?.integer
    if let query {
      guard let seconds = Int64(query) else {
        throw .badRequest("gracePeriodSeconds: \"\(query)\" is no number")
      }
      self.gracePeriod = seconds
    }
    if let gracePeriod, gracePeriod < 0 { self.gracePeriod = 1 }
    self.uid = body["preconditions"]?["uid"]?.string
    self.resourceVersion = body["preconditions"]?["resourceVersion"]?.string
    self.isDryRun = body["dryRun"]?.elements.contains("All") == true
  }

  /// - Throws: 409 when the preconditions name another object.
  func check(_ object: JSONValue, _ resource: APIResource) throws(APIFailure) {
    let metadata = object.metadata
    let (name, stored) = (metadata.name, metadata.uid)
    if let uid, !stored.isEmpty, uid != stored {
      throw .conflict(
        resource, name,
        "Precondition failed: UID in precondition: \(uid), UID in object meta: \(stored)")
    }
    let version = metadata.resourceVersion
    if let resourceVersion, !version.isEmpty, resourceVersion != version {
      throw .conflict(
        resource, name,
        "Precondition failed: ResourceVersion in precondition: \(resourceVersion), ResourceVersion in object meta: \(version)"
      )
    }
  }

  /// The first step of a pod's deletion.
  enum Step: Equatable {
    /// The pod is removed at once.
    case remove
    /// The pod is marked; its kubelet stops and then removes it.
    case mark(JSONValue)
    /// The pod is marked already, with no longer grace period.
    case none
  }

  /// - Parameter now: seconds since 1970.
  /// - Source: `registry/core/pod/strategy.go` CheckGracefulDelete, `rest/delete.go` BeforeDelete.
  func step(of pod: JSONValue, now: Int64) -> Step {
    var grace = self.gracePeriod ?? pod["spec"]?["terminationGracePeriodSeconds"]?.integer ?? 30
    // No container of an unbound pod, or of one that has ended, is left to stop.
    if pod.nodeName.isEmpty || pod.hasEnded { grace = 0 }
    guard grace > 0 else { return .remove }
    if pod.metadata.isBeingDeleted {
      let former = pod["metadata"]?["deletionGracePeriodSeconds"]?.integer ?? 0
      guard grace < former else { return .none }
    }
    var pod = pod
    pod["metadata"]?["deletionTimestamp"] = .string(KubernetesTime.seconds(now + grace))
    pod["metadata"]?["deletionGracePeriodSeconds"] = .integer(grace)
    return .mark(pod)
  }
}
