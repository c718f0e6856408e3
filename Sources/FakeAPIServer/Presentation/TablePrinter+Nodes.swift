import KubernetesObjects

extension TablePrinter {
  static let nodes = Self(
    columns: [
      Column(name: "Name"), Column(name: "Status"), Column(name: "Roles"), Column(name: "Age"),
      Column(name: "Version"), .wide("Internal-IP"), .wide("External-IP"), .wide("OS-Image"),
      .wide("Kernel-Version"), .wide("Container-Runtime"),
    ]
  ) { node, now in
    let status = node["status"] ?? [:]
    let info = status["nodeInfo"] ?? [:]
    func address(_ type: String) -> JSONValue {
      let addresses = status["addresses"]?.elements ?? []
      return .text(addresses.first { $0["type"]?.string == type }?["address"]?.string)
    }
    func known(_ field: String) -> JSONValue { .text(info[field].text, orElse: "<unknown>") }
    let roles = Self.roles(of: node)
    return [
      node.nameCell, .string(Self.status(of: node)),
      .text(roles.isEmpty ? nil : roles.joined(separator: ",")), node.age(now),
      .string(info["kubeletVersion"]?.string ?? ""), address("InternalIP"), address("ExternalIP"),
      known("osImage"), known("kernelVersion"), known("containerRuntimeVersion"),
    ]
  }

  /// `Ready`, `NotReady` or `Unknown` (no such condition), with `,SchedulingDisabled` for a cordoned node.
  private static func status(of node: JSONValue) -> String {
    var words =
      switch node.conditionStatus("Ready") {
      case "True": ["Ready"]
      case nil: ["Unknown"]
      default: ["NotReady"]
      }
    if node["spec"]?["unschedulable"]?.boolean == true { words.append("SchedulingDisabled") }
    return words.joined(separator: ",")
  }

  /// The roles in the node's labels: one label for each role, or an older label with the role as its value.
  private static func roles(of node: JSONValue) -> [String] {
    let prefix = "node-role.kubernetes.io/"
    var roles: Set<String> = []
    for (label, value) in node.metadata.labels {
      if label.hasPrefix(prefix) {
        roles.insert(String(label.dropFirst(prefix.count)))
      } else if label == "kubernetes.io/role", let role = value.string {
        roles.insert(role)
      }
    }
    return roles.subtracting([""]).sorted()
  }

  static let events = Self(
    columns: [
      Column(name: "Last Seen"), Column(name: "Type"), Column(name: "Reason"),
      Column(name: "Object"), .wide("Subobject"), .wide("Source"), Column(name: "Message"),
      .wide("First Seen"), .wide("Count"), .wide("Name"),
    ]
  ) { event, now in
    // An event of the newer API has a single time, and a series instead of a count.
    let first = event["firstTimestamp"].present ?? event["eventTime"]
    var last = event["lastTimestamp"].present ?? first
    var count = event["count"]?.integer ?? 0
    if let series = event["series"].present {
      last = series["lastObservedTime"]
      count = series["count"]?.integer ?? 0
    } else if count == 0 {
      count = 1
    }
    let object = event["involvedObject"] ?? [:]
    let kind = (object["kind"]?.string ?? "").lowercased()
    func field(_ name: String) -> JSONValue { .string(event[name]?.string ?? "") }
    return [
      .string(KubernetesTime.age(last, now: now)), field("type"), field("reason"),
      .string(object["name"].text.map { "\(kind)/\($0)" } ?? kind),
      .string(object["fieldPath"]?.string ?? ""), .string(Self.reporter(of: event)),
      .string((event["message"]?.string ?? "").trimmed(\.isWhitespace)),
      .string(KubernetesTime.age(first, now: now)), .string(String(count)), event.nameCell,
    ]
  }

  /// `kubelet, kube-master1`.
  private static func reporter(of event: JSONValue) -> String {
    let component = event["source"]?["component"].text ?? event["reportingComponent"].text
    let host = event["source"]?["host"].text ?? event["reportingInstance"].text
    return [component ?? "", host].compactMap(\.self).joined(separator: ", ")
  }
}
