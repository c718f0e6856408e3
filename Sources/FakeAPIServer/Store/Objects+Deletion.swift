import FoundationEssentials
import KubernetesObjects

/// Deletion, and what a server that died in the midst of one left to do.
extension Objects {
  /// - Returns: the object's last state, and whether it is gone.
  func delete(
    _ key: Key, _ options: DeleteOptions
  ) async throws(APIFailure) -> (object: JSONValue, isGone: Bool) {
    for attempt in 1... {
      let stored = try await self.store.get(key)
      try options.check(stored.object, key.resource)
      do throws(APIFailure) {
        if key.resource == .namespaces { return try await self.deleteNamespace(key, stored) }
        var object = stored.object
        object["metadata"]?["resourceVersion"] = nil
        switch options.step(of: object, key.resource, now: Int64(Date.now.timeIntervalSince1970)) {
        case .none: return (stored.object, false)
        case .mark(let marked):
          let object = try await self.store.update(marked, at: stored.index, key).object
          return try await self.orphan(object, key)
        case .remove: break
        }
        try await self.store.delete(key, at: stored.index)
        return (stored.object, true)
      } catch {
        guard error.reason == "Conflict", options.resourceVersion == nil, attempt < Self.attempts
        else { throw error }
      }
    }
    throw .conflict(key.resource, key.name)
  }

  /// Deletes objects of one resource; some of them may be gone already.
  func delete(
    _ objects: [ShownObject], of resource: APIResource, _ options: DeleteOptions
  ) async throws(APIFailure) {
    for metadata in objects.map(\.object.metadata) {
      let namespace = resource.isNamespaced ? metadata.namespace : nil
      try await Self.tolerating404 { () throws(APIFailure) in
        _ = try await self.delete(Key(resource, namespace, metadata.name), options)
      }
    }
  }

  private static func tolerating404(
    _ body: () async throws(APIFailure) -> Void
  ) async throws(APIFailure) {
    do throws(APIFailure) { try await body() } catch {
      guard error.code == 404 else { throw error }
    }
  }

  // MARK: Namespaces

  /// Marks a namespace, so that nothing can be created in it, deletes its objects, and removes it unless a finalizer
  /// holds it or one of them.
  private func deleteNamespace(
    _ key: Key, _ stored: ObjectStore.Stored
  ) async throws(APIFailure) -> (object: JSONValue, isGone: Bool) {
    let marked = try key.rules.terminating(stored.object, since: KubernetesTime.seconds(.now))
    var last = stored
    if marked != stored.object {
      last = try await self.store.update(marked, at: stored.index, key)
    }
    let atOnce = try DeleteOptions(["gracePeriodSeconds": 0])
    var isEmpty = true
    for resource in APIResource.all where resource.isNamespaced {
      let objects = try await self.store.list(resource, key.name).objects
      try await self.delete(objects, of: resource, atOnce)
      if !self.store.isDryRun {
        isEmpty = try await self.store.list(resource, key.name).objects.isEmpty && isEmpty
      }
    }
    guard isEmpty, last.object.metadata.finalizers.isEmpty else { return (last.object, false) }
    let index = last.index
    // Another server may have removed it meanwhile.
    try await Self.tolerating404 { () throws(APIFailure) in
      try await self.store.delete(key, at: index)
    }
    return (last.object, true)
  }

  // MARK: Dependents

  /// Takes the owner from the objects of a marked owner that is to orphan them, and then the finalizer.
  ///
  /// Until then the owner is there, so nobody takes a dependent for one whose owner is gone.
  private func orphan(
    _ owner: JSONValue, _ key: Key
  ) async throws(APIFailure) -> (object: JSONValue, isGone: Bool) {
    guard owner.metadata.finalizers.contains(DeleteOptions.orphan), !self.store.isDryRun else {
      return (owner, false)
    }
    let uid = owner["metadata"]?["uid"]
    func isOwner(_ reference: JSONValue) -> Bool { reference["uid"] == uid }
    for resource in APIResource.all where resource.isNamespaced {
      for shown in try await self.store.list(resource, key.namespace).objects
      where shown.object["metadata"]?["ownerReferences"]?.elements.contains(where: isOwner) == true
      {
        let metadata = shown.object.metadata
        try await Self.tolerating404 { () throws(APIFailure) in
          _ = try await self.change(Key(resource, metadata.namespace, metadata.name)) { old, _ in
            var new = old
            let owners = (old["metadata"]?["ownerReferences"]?.elements ?? []).filter {
              !isOwner($0)
            }
            new["metadata"]?["ownerReferences"] = owners.isEmpty ? nil : .array(owners)
            return new
          }
        }
      }
    }
    let last = try await self.change(key) { old, _ in
      var new = old
      let rest = old.metadata.finalizers.filter { $0 != DeleteOptions.orphan }
      new["metadata"]?["finalizers"] = rest.isEmpty ? nil : .strings(rest)
      return new
    }
    return (last, DeleteOptions.isDone(last))
  }

  // MARK: After a crash

  /// Goes on with deletions that no server carries out any longer, and with those that a finalizer held.
  func resumeDeletions() async throws(APIFailure) {
    let namespaces = try await self.store.list(.namespaces, nil).objects.map(\.object)
    for namespace in namespaces where namespace.metadata.isBeingDeleted {
      try await Self.tolerating404 { () throws(APIFailure) in
        _ = try await self.delete(
          Key(.namespaces, nil, namespace.metadata.name), try DeleteOptions([:]))
      }
    }
    let controllers = try await self.store.list(.replicationControllers, nil).objects.map(\.object)
    for owner in controllers where owner.metadata.isBeingDeleted {
      let metadata = owner.metadata
      try await Self.tolerating404 { () throws(APIFailure) in
        _ = try await self.orphan(
          owner, Key(.replicationControllers, metadata.namespace, metadata.name))
      }
    }
  }
}
