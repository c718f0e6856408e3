import KubernetesObjects

/// How a client wants something deleted.
struct DeleteOptions: Equatable, Sendable {
  /// In seconds; `nil` for the object's own.
  var gracePeriod: Int64?
  var uid: String?
  var resourceVersion: String?
  /// Whether it is only asked what would happen.
  var isDryRun = false

  /// - Parameters:
  ///   - body: a DeleteOptions, or nothing.
  ///   - query: `gracePeriodSeconds` of the query.
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

  /// - Throws: 409 when another object was meant.
  func check(_ object: JSONValue, _ resource: APIResource) throws(APIFailure) {
    let name = object["metadata"]?["name"]?.string ?? ""
    let metadata = object["metadata"]
    if let uid, let stored = metadata?["uid"]?.string, uid != stored {
      throw .conflict(
        resource, name,
        "Precondition failed: UID in precondition: \(uid), UID in object meta: \(stored)")
    }
    if let resourceVersion, let stored = metadata?["resourceVersion"]?.string,
      resourceVersion != stored
    {
      throw .conflict(
        resource, name,
        "Precondition failed: ResourceVersion in precondition: \(resourceVersion), ResourceVersion in object meta: \(stored)"
      )
    }
  }

  /// What a deletion does first.
  enum Step: Equatable {
    /// It is gone.
    case remove
    /// Its kubelet stops it, and removes it then.
    case mark(JSONValue)
    /// It is marked so already, and has no less time than it is given now.
    case none
  }

  /// - Parameters:
  ///   - now: in seconds since 1970.
  ///   - time: writes a point in time.
  /// - Source: `registry/core/pod/strategy.go` CheckGracefulDelete, `rest/delete.go` BeforeDelete.
  func step(of pod: JSONValue, now: Int64, time: (Int64) -> String) -> Step {
    let phase = pod["status"]?["phase"]?.string
    let isBound = !(pod["spec"]?["nodeName"]?.string ?? "").isEmpty
    var grace = self.gracePeriod ?? pod["spec"]?["terminationGracePeriodSeconds"]?.integer ?? 30
    // A pod that no kubelet knows of, or that has ended, has nothing to stop.
    if !isBound || phase == "Failed" || phase == "Succeeded" { grace = 0 }
    guard grace > 0 else { return .remove }
    if pod["metadata"]?["deletionTimestamp"] != nil {
      let former = pod["metadata"]?["deletionGracePeriodSeconds"]?.integer ?? 0
      guard grace < former else { return .none }
    }
    var pod = pod
    pod["metadata"]?["deletionTimestamp"] = .string(time(now + grace))
    pod["metadata"]?["deletionGracePeriodSeconds"] = .integer(grace)
    return .mark(pod)
  }
}
