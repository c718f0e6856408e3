import FoundationEssentials
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

/// A kubelet's pods.
package struct KubeletView: Sendable {
  /// One line for each pod; a pod that only the runtime still has is `Terminating`.
  package var rows: [PodRow]
  /// The names of the pods that the runtime runs.
  package var running: Set<String>

  /// `nil` when the kubelet does not answer.
  package init?(_ url: String, _ requests: Requests) async {
    do throws(RequestError) {
      // In this order, a pod that starts between the requests is only in `/pods`. In the other order it
      // would look like a pod whose manifest is gone.
      let runtime = try await requests.items(from: "\(url)/runningpods/")
      let pods = try await requests.items(from: "\(url)/pods")
      let names = Set(pods.map(\.metadata.name))
      let now = Int64(Date.now.timeIntervalSince1970)
      self.running = Set(runtime.map(\.metadata.name))
      self.rows =
        pods.map { PodRow($0, now: now) }
        + runtime.filter { !names.contains($0.metadata.name) }.map(PodRow.init(terminating:))
    } catch {
      return nil
    }
  }
}
