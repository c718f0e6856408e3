import KubernetesObjects

/// Describes the resources of the server. Clients read this before anything else.
///
/// There are two forms: the older one with a document for each group, and the aggregated one (Kubernetes
/// 1.26 and newer) with everything in `/api` and `/apis`. The client's `Accept` selects one.
///
/// Source: `k8s.io/apimachinery/pkg/apis/meta/v1` APIGroupList and APIResourceList.
enum Discovery {
  /// The server's version in `kubectl version`. kubectl warns when its minor version differs by more than
  /// one.
  static let version: JSONValue = [
    "major": "1", "minor": "32", "gitVersion": "v1.32.0", "gitCommit": "", "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "swiftc",
    "platform": "linux/amd64",
  ]

  /// The answer to a GET; `nil` for any other path.
  ///
  /// - Parameters:
  ///   - path: without the query: `/api`.
  ///   - accept: the header `Accept` ; empty when it is missing.
  static func answer(path: String, accept: String) -> (contentType: String, body: JSONValue)? {
    func json(_ body: JSONValue) -> (String, JSONValue) { (AcceptedType.json, body) }
    if path == "/version" { return json(Self.version) }
    if path == "/api" || path == "/apis" {
      let groups = ServedGroup.all.filter { $0.name.isEmpty == (path == "/api") }
      if let version = AggregatedDiscovery.version(accept: accept) {
        return (
          AggregatedDiscovery.contentType(version),
          AggregatedDiscovery.document(groups, version: version)
        )
      }
      return json(path == "/api" ? Self.versions : Self.list(groups))
    }
    for group in ServedGroup.all {
      if path == group.path { return json(Self.resources(group)) }
      if !group.name.isEmpty, path == "/apis/\(group.name)" {
        var body = Self.group(group)
        body["kind"] = "APIGroup"
        body["apiVersion"] = "v1"
        return json(body)
      }
    }
    return nil
  }

  /// `GET /api`
  private static let versions: JSONValue = ["kind": "APIVersions", "versions": ["v1"]]

  /// `GET /apis`
  private static func list(_ groups: [ServedGroup]) -> JSONValue {
    ["kind": "APIGroupList", "apiVersion": "v1", "groups": .array(groups.map(Self.group))]
  }

  private static func group(_ group: ServedGroup) -> JSONValue {
    let version: JSONValue = [
      "groupVersion": .string(group.groupVersion), "version": .string(group.version),
    ]
    return [
      "name": .string(group.name), "versions": [version], "preferredVersion": version,
    ]
  }

  /// `GET /api/v1`, `GET /apis/coordination.k8s.io/v1`
  private static func resources(_ group: ServedGroup) -> JSONValue {
    [
      "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": .string(group.groupVersion),
      "resources": .array(
        group.resources.flatMap { resource in
          [Self.resource(resource)]
            + resource.subresources.map { Self.subresource($0, of: resource) }
        }),
    ]
  }

  private static func resource(_ resource: APIResource) -> JSONValue {
    var entry: JSONValue = [
      "name": .string(resource.name), "singularName": .string(resource.singular),
      "namespaced": .boolean(resource.isNamespaced), "kind": .string(resource.kind),
      "verbs": .strings(resource.verbs),
    ]
    if !resource.shortNames.isEmpty { entry["shortNames"] = .strings(resource.shortNames) }
    if !resource.categories.isEmpty { entry["categories"] = .strings(resource.categories) }
    return entry
  }

  private static func subresource(_ name: String, of resource: APIResource) -> JSONValue {
    var entry: JSONValue = [
      "name": .string("\(resource.name)/\(name)"), "singularName": "",
      "namespaced": .boolean(resource.isNamespaced), "kind": .string(resource.kind),
      "verbs": .strings(Self.verbs(ofSubresource: name)),
    ]
    // The other subresources belong to the list's group and name none.
    if let kind = Self.foreignKinds[name] {
      for (field, value) in kind.members { entry[field] = value }
    }
    return entry
  }

  static func verbs(ofSubresource name: String) -> [String] {
    switch name {
    case "scale", "status": ["get", "patch", "update"]
    case "binding", "eviction": ["create"]
    case "attach", "exec", "portforward": ["create", "get"]
    default: ["get"]
    }
  }

  /// The kinds of subresources that are of another group than the resource.
  private static let foreignKinds: [String: JSONValue] = [
    "scale": Scale.groupVersionKind,
    "eviction": ["group": "policy", "version": "v1", "kind": "Eviction"],
  ]

  /// The kind of a subresource's objects: usually the resource's own.
  static func kind(ofSubresource name: String, _ resource: APIResource) -> JSONValue {
    Self.foreignKinds[name] ?? resource.groupVersionKind
  }
}

/// An API group with its resources, which all have one version.
struct ServedGroup: Sendable {
  /// Empty for the core group.
  let name: String
  let version: String
  /// `v1`, `coordination.k8s.io/v1`
  let groupVersion: String
  /// `/api/v1`, `/apis/coordination.k8s.io/v1`
  let path: String
  let resources: [APIResource]

  /// The group of evictions, which are a subresource of pods: kubectl evicts only where there is the group.
  private static let policy = Self(
    name: "policy", version: "v1", groupVersion: "policy/v1", path: "/apis/policy/v1", resources: []
  )

  /// In the order of their names, the core group first.
  static let all: [Self] =
    ([Self.policy]
    + Dictionary(grouping: APIResource.all, by: \.groupPath).values
    .map { resources in
      Self(
        name: resources[0].group, version: resources[0].version,
        groupVersion: resources[0].apiVersion, path: resources[0].groupPath, resources: resources)
    })
    .sorted { $0.path < $1.path }
}
