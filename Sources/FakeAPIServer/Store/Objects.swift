import FoundationEssentials
import KubernetesObjects

/// The verbs of the API on objects in etcd.
struct Objects: Sendable {
  typealias Key = ObjectStore.Key

  var store: ObjectStore
  /// In seconds.
  let nodeGracePeriod: Int64

  private static let attempts = 20

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
  ) async throws(APIFailure) -> JSONValue {
    let version = body.metadata.resourceVersion
    if version.isEmpty { try key.rules.checkUnconditionalUpdate(of: key.name) }
    return try await self.change(key, version: version) { (old) throws(APIFailure) in
      try key.rules.changed(old, part: part) { _ in body }
    }
  }

  func patch(_ key: Key, part: String?, _ patch: Patch) async throws(APIFailure) -> JSONValue {
    try await self.change(key, version: patch.resourceVersion) { (old) throws(APIFailure) in
      try key.rules.changed(old, part: part) { (seen) throws(APIFailure) in
        try patch.applied(to: seen)
      }
    }
  }

  func bind(_ key: Key, _ binding: JSONValue) async throws(APIFailure) {
    _ = try await self.change(key, version: "") { (old) throws(APIFailure) in
      try key.rules.bound(old, to: binding)
    }
  }

  /// Reads, changes and writes. Repeats after a conflict, unless the client named a version.
  private func change(
    _ key: Key, version: String, _ edit: (JSONValue) throws(APIFailure) -> JSONValue
  ) async throws(APIFailure) -> JSONValue {
    for attempt in 1... {
      let stored = try await self.store.get(key)
      if !version.isEmpty, version != String(stored.index) {
        throw .conflict(key.resource, key.name)
      }
      var old = stored.object
      old["metadata"]?["resourceVersion"] = nil
      let new = try edit(old)
      // An update without a change writes nothing, so no watcher wakes.
      if new == old, key.resource != .events { return stored.object }
      do throws(APIFailure) {
        return try await self.store.update(new, at: stored.index, key).object
      } catch {
        guard error.reason == "Conflict", version.isEmpty, attempt < Self.attempts else {
          throw error
        }
      }
    }
    throw .conflict(key.resource, key.name)
  }

  // MARK: Deleting

  /// - Returns: the object's last state, and whether it is gone.
  func delete(
    _ key: Key, _ options: DeleteOptions
  ) async throws(APIFailure) -> (object: JSONValue, isGone: Bool) {
    for attempt in 1... {
      let stored = try await self.store.get(key)
      try options.check(stored.object, key.resource)
      do throws(APIFailure) {
        if key.resource == .pods {
          var pod = stored.object
          pod["metadata"]?["resourceVersion"] = nil
          switch options.step(of: pod, now: Int64(Date.now.timeIntervalSince1970)) {
          case .none: return (stored.object, false)
          case .mark(let marked):
            return (try await self.store.update(marked, at: stored.index, key).object, false)
          case .remove: break
          }
        }
        if key.resource == .namespaces {
          try await self.empty(key, stored)
          // Marking has changed its version.
          let marked = try await self.store.get(key)
          try await self.store.delete(key, at: marked.index)
          return (marked.object, true)
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
      do throws(APIFailure) {
        _ = try await self.delete(Key(resource, namespace, metadata.name), options)
      } catch {
        guard error.code == 404 else { throw error }
      }
    }
  }

  /// Marks a namespace, so that nothing can be created in it, and deletes its objects.
  private func empty(_ key: Key, _ stored: ObjectStore.Stored) async throws(APIFailure) {
    let marked = try key.rules.terminating(stored.object, since: KubernetesTime.seconds(.now))
    if marked != stored.object { _ = try await self.store.update(marked, at: stored.index, key) }
    let atOnce = try DeleteOptions(["gracePeriodSeconds": 0], query: nil)
    for resource in APIResource.all where resource.isNamespaced {
      let objects = try await self.store.list(resource, key.name).objects
      try await self.delete(objects, of: resource, atOnce)
    }
  }
}

extension ObjectStore.Key {
  fileprivate var rules: ObjectRules {
    ObjectRules(resource: self.resource, namespace: self.namespace)
  }
}
