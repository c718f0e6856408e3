import EtcdClient
import KubernetesObjects
import Linux

/// Objects in etcd below `/registry`, each a key with its JSON: the only state of all API servers.
///
/// An object's resource version is its key's `modifiedIndex`; a list's is the store's index. Each write
/// compares with the index that it was made from, so of two writes made from one state only one succeeds.
struct ObjectStore: Sendable {
  let client: EtcdClient
  /// `/registry`.
  let prefix: String
  /// Lifetime of Event objects, in seconds.
  let eventTTL: Int64
  let cache = ObjectCache()
  /// `dryRun=All`: everything is checked and nothing is written.
  var isDryRun = false

  /// The place of one object.
  struct Key: Equatable, Sendable {
    let resource: APIResource
    /// `nil` for resources outside of namespaces.
    let namespace: String?
    let name: String

    init(_ resource: APIResource, _ namespace: String?, _ name: String) {
      self.resource = resource
      self.namespace = namespace
      self.name = name
    }
  }

  /// An object and the index that a change of it compares with.
  struct Stored: Equatable, Sendable {
    var object: JSONValue
    var index: UInt64
  }

  /// The directory of all objects of a resource.
  func path(_ resource: APIResource) -> String { "\(self.prefix)/\(resource.name)" }

  /// etcd takes `..` in a key for a step up, so no name may be one.
  /// - Throws: 400 for such a namespace.
  private func path(
    _ resource: APIResource, _ namespace: String?
  ) throws(APIFailure) -> String {
    guard let namespace else { return self.path(resource) }
    return "\(self.path(resource))/\(try Self.step("Namespace", namespace))"
  }

  private func path(_ key: Key) throws(APIFailure) -> String {
    "\(try self.path(key.resource, key.namespace))/\(try Self.step("Name", key.name))"
  }

  /// Source: `k8s.io/apiserver/pkg/registry/generic/registry/store.go` NamespaceKeyFunc.
  private static func step(_ what: String, _ name: String) throws(APIFailure) -> PathComponent {
    guard let step = PathComponent(name) else {
      let problem = PathComponent.problem(of: name) ?? ""
      throw .badRequest("\(what) parameter invalid: \(JSONValue.string(name)): \(problem)")
    }
    return step
  }

  /// - Throws: 404, or a failure of the store.
  func get(_ key: Key) async throws(APIFailure) -> Stored {
    do {
      let response = try await self.client.get(try self.path(key), quorum: true)
      guard let shown = self.cache.shown(response.node) else {
        throw APIFailure.notFound(key.resource, key.name)
      }
      return Stored(object: shown.object, index: response.node.modifiedIndex)
    } catch {
      throw Self.failure(error, key)
    }
  }

  /// All objects of a resource, in the order of namespace and name, and the store's index of that state.
  func list(
    _ resource: APIResource, _ namespace: String?
  ) async throws(APIFailure) -> (objects: [ShownObject], index: UInt64) {
    let path = try self.path(resource, namespace)
    do {
      let response = try await self.client.get(
        path, recursive: true, quorum: true, timeout: .seconds(30))
      self.cache.keep(only: response.node)
      return (self.objects(below: response.node), response.etcdIndex)
    } catch {
      if case .refused(let refusal) = error, refusal.errorCode == EtcdError.keyNotFound {
        self.cache.keep(only: Node(key: path, dir: true))
        return ([], refusal.index)
      }
      throw Self.failure(error, Key(resource, namespace, ""))
    }
  }

  /// - Returns: the object as stored.
  /// - Throws: 409 when an object of this name exists.
  func create(_ object: JSONValue, _ key: Key) async throws(APIFailure) -> Stored {
    guard self.isDryRun else { return try await self.put(object, key, prevExist: false) }
    do throws(APIFailure) { _ = try await self.get(key) } catch {
      guard error.code == 404 else { throw error }
      return Stored(object: object, index: 0)
    }
    throw .alreadyExists(key.resource, key.name)
  }

  /// - Throws: 409 when the object has changed meanwhile.
  func update(
    _ object: JSONValue, at index: UInt64, _ key: Key
  ) async throws(APIFailure) -> Stored {
    var object = object
    object["metadata"]?["resourceVersion"] = nil
    if self.isDryRun { return Self.versioned(object, index) }
    return try await self.put(object, key, prevIndex: index)
  }

  private func put(
    _ object: JSONValue, _ key: Key, prevExist: Bool? = nil, prevIndex: UInt64? = nil
  ) async throws(APIFailure) -> Stored {
    do {
      let response = try await self.client.put(
        try self.path(key), value: object.description,
        ttlSeconds: key.resource == .events ? self.eventTTL : nil, prevExist: prevExist,
        prevIndex: prevIndex)
      return Self.versioned(object, response.node.modifiedIndex)
    } catch {
      throw Self.failure(error, key)
    }
  }

  /// - Throws: 409 when the object has changed meanwhile, 404 when it is gone.
  func delete(_ key: Key, at index: UInt64) async throws(APIFailure) {
    if self.isDryRun { return }
    do {
      _ = try await self.client.delete(try self.path(key), prevIndex: index)
    } catch {
      throw Self.failure(error, key)
    }
  }

  // MARK: Keys

  private static func versioned(_ object: JSONValue, _ index: UInt64) -> Stored {
    var object = object
    object["metadata"]?["resourceVersion"] = .string(String(index))
    return Stored(object: object, index: index)
  }

  private func objects(below node: Node) -> [ShownObject] {
    node.nodes.sorted { $0.key < $1.key }.flatMap { child in
      child.dir ? self.objects(below: child) : [self.cache.shown(child)].compactMap(\.self)
    }
  }

  private static func failure(_ error: any Error, _ key: Key) -> APIFailure {
    if let failure = error as? APIFailure { return failure }
    guard let error = error as? EtcdClientError else { return .internalError("\(error)") }
    switch error {
    case .refused(let refusal):
      switch refusal.errorCode {
      case EtcdError.keyNotFound: return .notFound(key.resource, key.name)
      case EtcdError.nodeExists: return .alreadyExists(key.resource, key.name)
      case EtcdError.compareFailed: return .conflict(key.resource, key.name)
      default: return .internalError(error.description)
      }
    case .unanswered: return .timeout(error.description)
    case .unreachable: return .unavailable(error.description)
    case .declined, .denied, .apiMissing, .apiUndecided, .otherAPI, .malformed:
      return .internalError(error.description)
    }
  }
}
