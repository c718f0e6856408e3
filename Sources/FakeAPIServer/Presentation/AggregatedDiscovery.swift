import KubernetesObjects

/// The form of discovery with one request for all groups.
///
/// Source: `k8s.io/api/apidiscovery/v2` and `v2beta1`, which differ only in name.
enum AggregatedDiscovery {
  private static let group = "apidiscovery.k8s.io"
  private static let kind = "APIGroupDiscoveryList"

  /// The version that a client prefers; `nil` when it prefers the older form of discovery.
  static func version(accept: String) -> String? {
    for type in AcceptedType.all(accept) where type.name == AcceptedType.json {
      if type["g"] == nil, type["as"] == nil { return nil }
      if type["g"] == Self.group, type["as"] == Self.kind, let version = type["v"],
        ["v2", "v2beta1"].contains(version)
      {
        return version
      }
    }
    return nil
  }

  /// The answer must repeat the requested type: clients read it as the older form otherwise.
  static func contentType(_ version: String) -> String {
    "\(AcceptedType.json);g=\(Self.group);v=\(version);as=\(Self.kind)"
  }

  static func document(_ groups: [ServedGroup], version: String) -> JSONValue {
    [
      "kind": .string(Self.kind), "apiVersion": .string("\(Self.group)/\(version)"),
      "metadata": [:],
      "items": .array(
        groups.map { group in
          [
            "metadata": ["name": .string(group.name), "creationTimestamp": nil],
            "versions": [
              [
                "version": .string(group.version), "freshness": "Current",
                "resources": .array(group.resources.map(Self.resource)),
              ]
            ],
          ]
        }),
    ]
  }

  private static func resource(_ resource: APIResource) -> JSONValue {
    var entry: JSONValue = [
      "resource": .string(resource.name),
      "responseKind": resource.groupVersionKind,
      "scope": resource.isNamespaced ? "Namespaced" : "Cluster",
      "singularResource": .string(resource.singular), "verbs": .strings(resource.verbs),
    ]
    if !resource.shortNames.isEmpty { entry["shortNames"] = .strings(resource.shortNames) }
    if !resource.categories.isEmpty { entry["categories"] = .strings(resource.categories) }
    if !resource.subresources.isEmpty {
      entry["subresources"] = .array(
        resource.subresources.map {
          [
            "subresource": .string($0),
            "responseKind": Discovery.kind(ofSubresource: $0, resource),
            "verbs": .strings(Discovery.verbs(ofSubresource: $0)),
          ]
        })
    }
    return entry
  }
}
