import KubernetesObjects

/// One line of `kubectl get pod`.
public struct PodRow: Equatable, Codable, Sendable {
  public var name: String
  public var ready: String
  public var status: String
  public var restarts: String
  public var age: String

  /// The recipe's table.
  package static func table(_ rows: [PodRow]) -> TextTable {
    TextTable(
      header: ["NAME", "READY", "STATUS", "RESTARTS", "AGE"],
      rows: rows.map { [$0.name, $0.ready, $0.status, $0.restarts, $0.age] })
  }
}

extension PodRow {
  /// A pod's line as kubectl prints it. A static pod of a kubelet without an API server has no creation
  /// time, so its start counts.
  /// - Parameter now: seconds since 1970.
  init(_ pod: JSONValue, now: Int64) {
    let columns = PodColumns(pod)
    let born = pod["metadata"]?["creationTimestamp"].present ?? pod["status"]?["startTime"]
    self.init(
      name: pod.metadata.name, ready: columns.ready, status: columns.status,
      restarts: columns.restarts(now: now), age: KubernetesTime.age(born, now: now))
  }

  /// A pod whose manifest is gone and whose containers still run.
  init(terminating pod: JSONValue) {
    let containers = pod["spec"]?["containers"]?.elements.count ?? 0
    self.init(
      name: pod.metadata.name, ready: "\(containers)/\(containers)", status: "Terminating",
      restarts: "0", age: "<unknown>")
  }
}
