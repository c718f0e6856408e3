/// The resource, object and subresource of a path under `/api` or `/apis`.
struct APIPath: Equatable, Sendable {
  let resource: APIResource
  /// `nil` for all namespaces, and for resources outside of namespaces.
  let namespace: String?
  /// `nil` for a list.
  let name: String?
  /// `status`, `log`, `binding`, `proxy`.
  let subresource: String?
  /// The rest of the path; only `proxy` has one.
  let rest: String

  /// The place of the object of that name.
  func key(_ name: String) -> ObjectStore.Key {
    ObjectStore.Key(self.resource, self.namespace, name)
  }

  /// - Parameter path: percent-decoded, without a query.
  /// - Returns: `nil` for a path that this server does not have.
  init?(_ path: String) {
    var steps = path.split(separator: "/")[...]
    guard let root = steps.popFirst() else { return nil }
    var group = ""
    switch root {
    case "api": break
    case "apis":
      guard let name = steps.popFirst() else { return nil }
      group = String(name)
    default: return nil
    }
    guard steps.popFirst() == "v1" else { return nil }
    var namespace: String?
    // A namespace's own subresources look like resources in the namespace.
    if steps.first == "namespaces", steps.count >= 3,
      !["status", "finalize"].contains(steps[steps.startIndex + 2])
    {
      steps = steps.dropFirst()
      namespace = steps.popFirst().map(String.init)
    }
    guard let plural = steps.popFirst(),
      let resource = APIResource.all.first(where: { $0.group == group && $0.name == plural })
    else { return nil }
    if !resource.isNamespaced, namespace != nil { return nil }
    self.resource = resource
    self.namespace = namespace
    self.name = steps.popFirst().map(String.init)
    if resource.isNamespaced, namespace == nil, self.name != nil { return nil }
    self.subresource = steps.popFirst().map(String.init)
    if let subresource, !resource.subresources.contains(subresource) { return nil }
    guard self.subresource == "proxy" || steps.isEmpty else { return nil }
    self.rest = steps.joined(separator: "/")
  }
}
