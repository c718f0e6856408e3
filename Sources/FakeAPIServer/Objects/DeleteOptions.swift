import KubernetesObjects

/// The options of a deletion.
struct DeleteOptions: Equatable, Sendable {
  /// In seconds; `nil` for the object's own.
  var gracePeriod: Int64?
  var uid: String?
  var resourceVersion: String?
  /// Whether nothing is deleted.
  var isDryRun = false
  /// Whether the objects that the object owns stay, without an owner.
  var orphansDependents = false

  /// The finalizer of an object whose dependents are to lose their owner before it goes.
  static let orphan = "orphan"

  /// - Parameters:
  ///   - body: a DeleteOptions object; may be empty.
  ///   - query: the request's; its `gracePeriodSeconds` and `propagationPolicy` override the body's.
  init(_ body: JSONValue, query: [String: String] = [:]) throws(APIFailure) {
    self.gracePeriod = body["gracePeriodSeconds"]?.integer
    if let text = query["gracePeriodSeconds"] {
      guard let seconds = Int64(text) else {
        throw .badRequest("gracePeriodSeconds: \"\(text)\" is no number")
      }
      self.gracePeriod = seconds
    }
    let policy = query["propagationPolicy"] ?? body["propagationPolicy"].text
    guard ["Orphan", "Background", "Foreground", nil].contains(policy) else {
      throw .unprocessable(
        "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"\(policy ?? "")\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
      )
    }
    self.orphansDependents =
      policy == "Orphan" || body["orphanDependents"]?.boolean == true
      || query["orphanDependents"] == "true"
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

  /// The first step of a deletion.
  enum Step: Equatable {
    /// The object is removed at once.
    case remove
    /// The object is marked: a pod's kubelet stops and then removes it, and who has a finalizer there takes it away.
    case mark(JSONValue)
    /// The object is marked already, with no longer grace period.
    case none
  }

  /// - Parameter now: seconds since 1970.
  /// - Source: `registry/core/pod/strategy.go` CheckGracefulDelete, `rest/delete.go` BeforeDelete,
  ///   `registry/generic/registry/store.go` deletionFinalizersForGarbageCollection.
  func step(of object: JSONValue, _ resource: APIResource, now: Int64) -> Step {
    var grace: Int64 = 0
    // No container of an unbound pod, or of one that has ended, is left to stop.
    if resource == .pods, !object.nodeName.isEmpty, !object.hasEnded {
      grace = self.gracePeriod ?? object["spec"]?["terminationGracePeriodSeconds"]?.integer ?? 30
    }
    var finalizers = object.metadata.finalizers
    let isOrphaning = self.orphansDependents && !finalizers.contains(Self.orphan)
    if isOrphaning { finalizers.append(Self.orphan) }
    if grace <= 0, finalizers.isEmpty { return .remove }
    if object.metadata.isBeingDeleted, !isOrphaning {
      let former = object["metadata"]?["deletionGracePeriodSeconds"]?.integer ?? 0
      guard grace < former else { return .none }
    }
    var object = object
    object["metadata"]?["deletionTimestamp"] = .string(KubernetesTime.seconds(now + grace))
    object["metadata"]?["deletionGracePeriodSeconds"] = .integer(grace)
    if !finalizers.isEmpty { object["metadata"]?["finalizers"] = .strings(finalizers) }
    return .mark(object)
  }

  /// Whether nothing holds a marked object any longer.
  static func isDone(_ object: JSONValue) -> Bool {
    object.metadata.isBeingDeleted && object.metadata.finalizers.isEmpty
      && object["metadata"]?["deletionGracePeriodSeconds"]?.integer ?? 0 == 0
  }
}
