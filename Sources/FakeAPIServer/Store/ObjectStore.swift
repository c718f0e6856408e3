import EtcdClient
import KubernetesObjects

/// Objects in etcd, below `/registry`, each one key with its JSON. All state of all API servers is there.
///
/// An object's resource version is its key's `modifiedIndex`, that of a list the store's index. A write names
/// the index that it was made from, so that of two that were made from the same only one is done.
struct ObjectStore: Sendable {
  let client: EtcdClient
  /// `/registry`.
  let prefix: String
  let cache = ObjectCache()
  /// Whether everything is checked and nothing written: `dryRun=All`.
  var isDryRun = false

  /// An object, and what a change of it has to name.
  struct Stored: Equatable, Sendable {
    var object: JSONValue
    var index: UInt64
  }

  func path(_ resource: APIResource, _ namespace: String?) -> String {
    "\(self.prefix)/\(resource.name)" + (namespace.map { "/\($0)" } ?? "")
  }

  private func key(_ resource: APIResource, _ namespace: String?, _ name: String) -> String {
    "\(self.path(resource, namespace))/\(name)"
  }

  /// - Throws: 404, or that the store does not answer.
  func get(
    _ resource: APIResource, _ namespace: String?, _ name: String
  ) async throws(APIFailure) -> Stored {
    do {
      let response = try await self.client.get(
        self.key(resource, namespace, name), quorum: true)
      guard let shown = self.cache.shown(response.node) else {
        throw APIFailure.notFound(resource, name)
      }
      return Stored(object: shown.object, index: response.node.modifiedIndex)
    } catch {
      throw Self.failure(error, resource, name)
    }
  }

  /// All of a resource, in the order of namespace and name.
  /// - Returns: and the store's index, at which they were so.
  func list(
    _ resource: APIResource, _ namespace: String?
  ) async throws(APIFailure) -> (objects: [ShownObject], index: UInt64) {
    let path = self.path(resource, namespace)
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
      throw Self.failure(error, resource, "")
    }
  }

  /// - Parameter ttlSeconds: after which it goes by itself; `nil` for never.
  /// - Returns: as it is stored.
  /// - Throws: 409 when there is one of this name.
  func create(
    _ object: JSONValue, _ resource: APIResource, _ namespace: String?, ttlSeconds: Int64?
  ) async throws(APIFailure) -> Stored {
    let name = object["metadata"]?["name"]?.string ?? ""
    if self.isDryRun {
      do throws(APIFailure) { _ = try await self.get(resource, namespace, name) } catch {
        guard error.code == 404 else { throw error }
        return Stored(object: object, index: 0)
      }
      throw .alreadyExists(resource, name)
    }
    do {
      let response = try await self.client.put(
        self.key(resource, namespace, name), value: object.description, ttlSeconds: ttlSeconds,
        prevExist: false)
      return Self.versioned(object, response.node.modifiedIndex)
    } catch {
      throw Self.failure(error, resource, name)
    }
  }

  /// - Throws: 409 when it is another one by now.
  func update(
    _ object: JSONValue, at index: UInt64, _ resource: APIResource, _ namespace: String?,
    ttlSeconds: Int64?
  ) async throws(APIFailure) -> Stored {
    let name = object["metadata"]?["name"]?.string ?? ""
    var object = object
    object["metadata"]?["resourceVersion"] = nil
    if self.isDryRun { return Self.versioned(object, index) }
    do {
      let response = try await self.client.put(
        self.key(resource, namespace, name), value: object.description, ttlSeconds: ttlSeconds,
        prevIndex: index)
      return Self.versioned(object, response.node.modifiedIndex)
    } catch {
      throw Self.failure(error, resource, name)
    }
  }

  /// - Throws: 409 when it is another one by now, 404 when it is gone.
  func delete(
    _ resource: APIResource, _ namespace: String?, _ name: String, at index: UInt64
  ) async throws(APIFailure) -> UInt64 {
    if self.isDryRun { return index }
    do {
      return try await self.client.delete(
        self.key(resource, namespace, name), prevIndex: index
      ).node.modifiedIndex
    } catch {
      throw Self.failure(error, resource, name)
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

  private static func failure(
    _ error: any Error, _ resource: APIResource, _ name: String
  ) -> APIFailure {
    if let failure = error as? APIFailure { return failure }
    guard let error = error as? EtcdClientError else { return .internalError("\(error)") }
    switch error {
    case .refused(let refusal):
      switch refusal.errorCode {
      case EtcdError.keyNotFound: return .notFound(resource, name)
      case EtcdError.nodeExists: return .alreadyExists(resource, name)
      case EtcdError.compareFailed: return .conflict(resource, name)
      default: return .internalError(error.description)
      }
    case .unanswered: return .timeout(error.description)
    case .unreachable: return .unavailable(error.description)
    case .declined, .denied, .apiMissing, .malformed: return .internalError(error.description)
    }
  }
}
