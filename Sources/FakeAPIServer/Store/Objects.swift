import FoundationEssentials
import KubernetesObjects

/// The verbs of the API on objects in etcd.
struct Objects: Sendable {
  typealias Key = ObjectStore.Key

  var store: ObjectStore
  /// In seconds.
  let nodeGracePeriod: Int64

  static let attempts = 20

  /// The namespaces that the server creates itself, as the real one does.
  static let firstNamespaces = ["default", "kube-node-lease"]

  // MARK: Reading

  func get(_ key: Key) async throws(APIFailure) -> JSONValue {
    let object = try await self.store.get(key).object
    return key.resource == .nodes ? try await self.shown([ShownObject(object)])[0].object : object
  }

  func list(
    _ resource: APIResource, _ namespace: String?, _ selection: Selection
  ) async throws(APIFailure) -> (objects: [ShownObject], index: UInt64) {
    let (all, index) = try await self.store.list(resource, namespace)
    let objects = resource == .nodes ? try await self.shown(all) : all
    return (
      selection.isEverything ? objects : objects.filter { selection.matches($0.object) }, index
    )
  }

  /// Nodes with the conditions of silent ones set to Unknown.
  func shown(_ nodes: [ShownObject]) async throws(APIFailure) -> [ShownObject] {
    guard !nodes.isEmpty else { return [] }
    let leases = try await self.store.list(.leases, "kube-node-lease").objects
    let renewals = Dictionary(
      leases.map { ($0.object.metadata.name, $0.object["spec"]?["renewTime"]?.string) }
    ) { $1 }
    let now = Date.now
    let time = KubernetesTime.seconds(now)
    return nodes.map { shown in
      let node = shown.object
      let signs = [
        renewals[node.metadata.name] ?? nil, NodeLiveness.heartbeat(node),
      ].compactMap { $0.flatMap(KubernetesTime.seconds(of:)) }
      let seen = NodeLiveness.shown(
        node, lastSign: signs.max(), now: Int64(now.timeIntervalSince1970),
        gracePeriod: self.nodeGracePeriod, since: time)
      return seen == node ? shown : ShownObject(seen)
    }
  }

  // MARK: Writing

  /// The same verbs, as a dry run if asked for.
  func dryRun(_ isDryRun: Bool) -> Self {
    var objects = self
    if isDryRun { objects.store.isDryRun = true }
    return objects
  }

  func create(
    _ resource: APIResource, _ namespace: String?, _ body: JSONValue
  ) async throws(APIFailure) -> JSONValue {
    let namespace = resource.isNamespaced ? namespace ?? "default" : nil
    let rules = ObjectRules(resource: resource, namespace: namespace)
    if let namespace { try await self.checkNamespace(namespace) }
    for attempt in 1... {
      let letters = Array("bcdfghjklmnpqrstvwxz2456789")
      let stamp = ObjectRules.Stamp(
        time: KubernetesTime.seconds(.now), uid: UUID().uuidString.lowercased(),
        suffix: String((0..<5).map { _ in letters[Int.random(in: letters.indices)] }))
      do throws(APIFailure) {
        let object = try rules.created(body, stamp)
        let key = Key(resource, namespace, object.metadata.name)
        return try await self.store.create(object, key).object
      } catch {
        // A generated name may be taken.
        let isGenerated = body.metadata.name.isEmpty
        guard error.reason == "AlreadyExists", isGenerated, attempt < Self.attempts else {
          throw error
        }
      }
    }
    throw .internalError("no generated name was free")
  }

  private func checkNamespace(_ name: String) async throws(APIFailure) {
    let namespace = try await self.store.get(Key(.namespaces, nil, name)).object
    if namespace["status"]?["phase"] == "Terminating" {
      throw APIFailure.forbidden(
        "unable to create new content in namespace \(name) because it is being terminated")
    }
  }

  /// Replaces an object, its status or its scale.
  func update(
    _ key: Key, part: String?, _ body: JSONValue
  ) async throws(APIFailure) -> (object: JSONValue, isNew: Bool) {
    let metadata = body.metadata
    do throws(APIFailure) {
      let changed = try await self.change(key) { (old, version) throws(APIFailure) in
        if metadata.resourceVersion.isEmpty {
          try key.rules.checkUnconditionalUpdate(of: key.name)
        }
        try key.check(metadata.resourceVersion, is: version)
        return try key.rules.changed(old, part: part) { _ in body }
      }
      return (changed, false)
    } catch {
      guard error.code == 404, key.resource.isMadeByUpdate, part == nil else { throw error }
    }
    guard metadata.resourceVersion.isEmpty, metadata.uid.isEmpty else {
      throw .conflict(key.resource, key.name)
    }
    try key.rules.check(name: metadata.name, is: key.name)
    return (try await self.create(key.resource, key.namespace, body), true)
  }

  /// - Parameter duplicates: what was found in the patch's text.
  /// - Returns: the object, and warnings about fields.
  func patch(
    _ key: Key, part: String?, _ patch: Patch, _ validation: FieldValidation,
    duplicates: [String]
  ) async throws(APIFailure) -> (object: JSONValue, warnings: [String]) {
    let schema = ObjectSchema.type(of: key.resource, part: part)
    var problems: [String] = []
    let object = try await self.change(key) { (old, version) throws(APIFailure) in
      try key.rules.changed(old, part: part) { (seen) throws(APIFailure) in
        // The patch may test the version or name that for which it is meant.
        var seen = seen
        seen["metadata"]?["resourceVersion"] = .string(version)
        // Only the patch's own fields are judged.
        _ = schema.dropUnknown(&seen)
        var patched = try patch.applied(to: seen)
        try key.check(patched.metadata.resourceVersion, is: version)
        problems = duplicates + schema.dropUnknown(&patched)
        if validation == .strict, !problems.isEmpty {
          throw .unprocessable(
            " \"\" is invalid: patch: Invalid value: \(FieldValidation.text(problems))")
        }
        return patched
      }
    }
    return (object, validation == .warn ? problems : [])
  }

  func bind(_ key: Key, _ binding: JSONValue) async throws(APIFailure) {
    _ = try await self.change(key) { (old, _) throws(APIFailure) in
      try key.rules.bound(old, to: binding)
    }
  }

  /// Reads, changes and writes. Repeats after a conflict; a client that named a version gets it then.
  /// - Parameter edit: of the object, which has this version.
  func change(
    _ key: Key, _ edit: (JSONValue, _ version: String) throws(APIFailure) -> JSONValue
  ) async throws(APIFailure) -> JSONValue {
    for attempt in 1... {
      let stored = try await self.store.get(key)
      var old = stored.object
      old["metadata"]?["resourceVersion"] = nil
      var new = try edit(old, String(stored.index))
      new["metadata"]?["resourceVersion"] = nil
      // An update without a change writes nothing, so no watcher wakes.
      if new == old, key.resource != .events { return stored.object }
      do throws(APIFailure) {
        // The last finalizer is gone. A namespace goes when it is empty.
        if key.resource != .namespaces, DeleteOptions.isDone(new) {
          try await self.store.delete(key, at: stored.index)
          return new
        }
        return try await self.store.update(new, at: stored.index, key).object
      } catch {
        guard error.reason == "Conflict", attempt < Self.attempts else { throw error }
      }
    }
    throw .conflict(key.resource, key.name)
  }
}

extension ObjectStore.Key {
  var rules: ObjectRules { ObjectRules(resource: self.resource, namespace: self.namespace) }

  /// - Throws: 409 when a client named another version than the object's.
  fileprivate func check(_ named: String, is version: String) throws(APIFailure) {
    guard named.isEmpty || named == version else { throw .conflict(self.resource, self.name) }
  }
}
