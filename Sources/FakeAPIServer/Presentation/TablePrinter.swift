import KubernetesObjects

/// How the objects of one resource are shown as lines of a table.
///
/// Source: `pkg/printers/internalversion/printers.go` AddHandlers, of Kubernetes 1.32.
struct TablePrinter: Sendable {
  struct Column: Equatable, Sendable {
    var name: String
    /// `string` or `integer`.
    var type = "string"
    /// Whether only `kubectl get -o wide` shows it.
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
  /// The cells of an object at a time in seconds since 1970, as many as there are columns.
  let cells: @Sendable (_ object: JSONValue, _ now: Int64) -> [JSONValue]

  /// How a resource is shown: `pods`. One without columns of its own has the default ones.
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
    let row = PodRow(pod)
    let status = pod["status"]
    let address = status?["podIPs"]?.elements.first?["ip"].text ?? status?["podIP"].text
    return [
      pod.name, .string(row.ready), .string(row.status), .string(row.restarts(now: now)),
      pod.age(now), .text(address), .text(pod["spec"]?["nodeName"].text),
      .text(status?["nominatedNodeName"].text), .text(Self.readinessGates(pod)),
    ]
  }

  /// `1/2`: how many of the conditions that a pod waits for are there.
  private static func readinessGates(_ pod: JSONValue) -> String? {
    let gates = (pod["spec"]?["readinessGates"]?.elements ?? []).compactMap {
      $0["conditionType"]?.string
    }
    guard !gates.isEmpty else { return nil }
    return "\(gates.count { pod["status"]?.isTrue($0) == true })/\(gates.count)"
  }

  private static let namespaces = Self(
    columns: [Column(name: "Name"), Column(name: "Status"), Column(name: "Age")]
  ) { namespace, now in
    // Whoever made it may have left the status out; the API's default is this.
    [
      namespace.name, .string(namespace["status"]?["phase"].text ?? "Active"), namespace.age(now),
    ]
  }

  private static let leases = Self(
    columns: [Column(name: "Name"), Column(name: "Holder"), Column(name: "Age")]
  ) { lease, now in
    [lease.name, .string(lease["spec"]?["holderIdentity"]?.string ?? ""), lease.age(now)]
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
      // One is the API's default.
      controller.name, .integer(spec["replicas"]?.integer ?? 1),
      .integer(status["replicas"]?.integer ?? 0), .integer(status["readyReplicas"]?.integer ?? 0),
      controller.age(now), list("name"), list("image"),
      .text(selector.isEmpty ? nil : selector),
    ]
  }

  /// Source: `k8s.io/apiserver/pkg/registry/rest/table.go`.
  private static let other = Self(
    columns: [Column(name: "Name"), Column(name: "Created At")]
  ) { object, _ in
    [object.name, .string(object["metadata"]?["creationTimestamp"]?.string ?? "")]
  }
}

extension JSONValue {
  /// `metadata.name`, as a cell.
  var name: JSONValue { .string(self["metadata"]?["name"]?.string ?? "") }

  /// How long ago an object was made, as a cell.
  func age(_ now: Int64) -> JSONValue {
    .string(KubernetesTime.age(self["metadata"]?["creationTimestamp"], now: now))
  }

  /// A text, or what stands for none.
  static func text(_ text: String?, orElse placeholder: String = "<none>") -> JSONValue {
    .string(text ?? placeholder)
  }
}
