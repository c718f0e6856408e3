import KubernetesObjects

/// Prints the objects of one resource as rows of a table.
///
/// Source: `pkg/printers/internalversion/printers.go` AddHandlers, of Kubernetes 1.32.
struct TablePrinter: Sendable {
  struct Column: Equatable, Sendable {
    var name: String
    /// `string` or `integer`.
    var type = "string"
    /// Shown only by `kubectl get -o wide`.
    var isWide = false

    static func wide(_ name: String) -> Self { Self(name: name, isWide: true) }
    static func integer(_ name: String) -> Self { Self(name: name, type: "integer") }

    /// A `TableColumnDefinition`.
    var definition: JSONValue {
      [
        "name": .string(self.name), "type": .string(self.type),
        "format": self.name == "Name" ? "name" : "", "description": "",
        "priority": self.isWide ? 1 : 0,
      ]
    }
  }

  let columns: [Column]
  /// The cells of an object, one for each column; `now` is in seconds since 1970.
  let cells: @Sendable (_ object: JSONValue, _ now: Int64) -> [JSONValue]

  /// The printer of a resource such as `pods`; a default one for a resource without its own.
  static func printer(of resource: String) -> Self {
    switch resource {
    case "pods": .pods
    case "nodes": .nodes
    case "events": .events
    case "namespaces": .namespaces
    case "leases": .leases
    case "replicationcontrollers": .replicationControllers
    default: .other
    }
  }

  private static let pods = Self(
    columns: [
      Column(name: "Name"), Column(name: "Ready"), Column(name: "Status"),
      Column(name: "Restarts"), Column(name: "Age"), .wide("IP"), .wide("Node"),
      .wide("Nominated Node"), .wide("Readiness Gates"),
    ]
  ) { pod, now in
    let columns = PodColumns(pod)
    let status = pod["status"]
    let address = status?["podIPs"]?.elements.first?["ip"].text ?? status?["podIP"].text
    return [
      pod.nameCell, .string(columns.ready), .string(columns.status),
      .string(columns.restarts(now: now)), pod.age(now), .text(address),
      .text(pod["spec"]?["nodeName"].text),
      .text(status?["nominatedNodeName"].text), .text(Self.readinessGates(pod)),
    ]
  }

  /// `1/2`: how many of the pod's readiness gates are true.
  private static func readinessGates(_ pod: JSONValue) -> String? {
    let gates = (pod["spec"]?["readinessGates"]?.elements ?? []).compactMap {
      $0["conditionType"]?.string
    }
    guard !gates.isEmpty else { return nil }
    return "\(gates.count { pod.conditionStatus($0) == "True" })/\(gates.count)"
  }

  private static let namespaces = Self(
    columns: [Column(name: "Name"), Column(name: "Status"), Column(name: "Age")]
  ) { namespace, now in
    // A namespace without a status has the API's default.
    [
      namespace.nameCell, .string(namespace["status"]?["phase"].text ?? "Active"),
      namespace.age(now),
    ]
  }

  private static let leases = Self(
    columns: [Column(name: "Name"), Column(name: "Holder"), Column(name: "Age")]
  ) { lease, now in
    [lease.nameCell, .string(lease["spec"]?["holderIdentity"]?.string ?? ""), lease.age(now)]
  }

  private static let replicationControllers = Self(
    columns: [
      Column(name: "Name"), .integer("Desired"), .integer("Current"), .integer("Ready"),
      Column(name: "Age"), .wide("Containers"), .wide("Images"), .wide("Selector"),
    ]
  ) { controller, now in
    let (spec, status) = (controller["spec"] ?? [:], controller["status"] ?? [:])
    let containers = spec["template"]?["spec"]?["containers"]?.elements ?? []
    func list(_ field: String) -> JSONValue {
      .string(containers.map { $0[field]?.string ?? "" }.joined(separator: ","))
    }
    let selector = Scale.selector(of: controller)
    return [
      // One replica is the API's default.
      controller.nameCell, .integer(spec["replicas"]?.integer ?? 1),
      .integer(status["replicas"]?.integer ?? 0), .integer(status["readyReplicas"]?.integer ?? 0),
      controller.age(now), list("name"), list("image"),
      .text(selector.isEmpty ? nil : selector),
    ]
  }

  /// Source: `k8s.io/apiserver/pkg/registry/rest/table.go`.
  private static let other = Self(
    columns: [Column(name: "Name"), Column(name: "Created At")]
  ) { object, _ in
    [object.nameCell, .string(object.metadata.creationTimestamp)]
  }
}

extension JSONValue {
  /// The cell with the object's name.
  var nameCell: JSONValue { .string(self.metadata.name) }

  /// The cell with the object's age.
  func age(_ now: Int64) -> JSONValue {
    .string(KubernetesTime.age(self["metadata"]?["creationTimestamp"], now: now))
  }

  /// The cell of a text that may be missing.
  static func text(_ text: String?, orElse placeholder: String = "<none>") -> JSONValue {
    .string(text ?? placeholder)
  }
}
