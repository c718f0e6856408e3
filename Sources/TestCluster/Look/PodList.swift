import FoundationEssentials

/// The part of a kubelet's PodList that is shown.
package struct PodList: Decodable {
  /// A kubelet without pods says `null`.
  package var items: [Pod]?

  package struct Pod: Decodable {
    package var metadata: Metadata
    package var spec: Spec?
    package var status: Status?
  }

  package struct Metadata: Decodable {
    package var name: String
    package var creationTimestamp: String?
    package var deletionTimestamp: String?
  }

  package struct Spec: Decodable {
    package var containers: [Container]?
    package var initContainers: [Container]?
  }

  package struct Container: Decodable {
    package var name: String
    package var restartPolicy: String?
  }

  package struct Status: Decodable {
    package var phase: String?
    package var reason: String?
    package var startTime: String?
    package var conditions: [Condition]?
    package var initContainerStatuses: [ContainerStatus]?
    package var containerStatuses: [ContainerStatus]?
  }

  package struct Condition: Decodable {
    package var type: String
    package var status: String
  }

  package struct ContainerStatus: Decodable {
    package var name: String?
    package var ready: Bool?
    package var started: Bool?
    package var restartCount: Int?
    package var state: State?
    package var lastState: State?
  }

  package struct State: Decodable {
    package var waiting: Waiting?
    package var running: Running?
    package var terminated: Terminated?
  }

  package struct Waiting: Decodable {
    package var reason: String?
  }

  package struct Running: Decodable {}

  package struct Terminated: Decodable {
    package var reason: String?
    package var exitCode: Int?
    package var signal: Int?
    package var finishedAt: String?
  }
}

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
  /// Fills the cells as an API server does for kubectl.
  ///
  /// - Source: kubernetes `pkg/printers/internalversion/printers.go`, `printPod`. A static pod's age
  ///   counts from its mirror pod; a kubelet without an API server has none, so its start counts.
  package init(_ pod: PodList.Pod, now: Date) {
    let statuses = pod.status?.containerStatuses ?? []
    let ready = statuses.count { $0.ready == true && $0.state?.running != nil }
    let restarts = statuses.reduce(0) { $0 + ($1.restartCount ?? 0) }
    let lastEnd = statuses.compactMap { Self.date($0.lastState?.terminated?.finishedAt) }.max()
    let born = Self.date(pod.metadata.creationTimestamp) ?? Self.date(pod.status?.startTime)
    self.name = pod.metadata.name
    self.ready = "\(ready)/\(pod.spec?.containers?.count ?? statuses.count)"
    self.status = Self.status(pod, statuses: statuses)
    self.restarts =
      lastEnd.flatMap { restarts > 0 ? "\(restarts) (\(Self.age(since: $0, now)) ago)" : nil }
      ?? "\(restarts)"
    self.age = born.map { Self.age(since: $0, now) } ?? "<unknown>"
  }

  /// A pod whose manifest is gone, and which the runtime has not ended yet.
  package init(ending pod: PodList.Pod) {
    let containers = pod.spec?.containers?.count ?? 0
    self.init(
      name: pod.metadata.name, ready: "\(containers)/\(containers)", status: "Terminating",
      restarts: "0", age: "<unknown>")
  }

  private static func status(_ pod: PodList.Pod, statuses: [PodList.ContainerStatus]) -> String {
    if pod.metadata.deletionTimestamp != nil { return "Terminating" }
    if let initializing = Self.initialization(of: pod) { return initializing }
    var outcome = pod.status?.reason ?? pod.status?.phase ?? "Unknown"
    var hasRunning = false
    for status in statuses.reversed() {
      if let reason = status.state?.waiting?.reason, !reason.isEmpty {
        outcome = reason
      } else if let end = status.state?.terminated {
        if let reason = end.reason, !reason.isEmpty {
          outcome = reason
        } else if let signal = end.signal, signal != 0 {
          outcome = "Signal:\(signal)"
        } else {
          outcome = "ExitCode:\(end.exitCode ?? 0)"
        }
      } else if status.state?.running != nil, status.ready == true {
        hasRunning = true
      }
    }
    guard outcome == "Completed", hasRunning else { return outcome }
    let isReady = pod.status?.conditions?.contains { $0.type == "Ready" && $0.status == "True" }
    return isReady == true ? "Running" : "NotReady"
  }

  /// What is said as long as init containers are at work; `nil` when they have done their part.
  private static func initialization(of pod: PodList.Pod) -> String? {
    let containers = pod.spec?.initContainers ?? []
    let sidecars = containers.filter { $0.restartPolicy == "Always" }.map(\.name)
    for (index, status) in (pod.status?.initContainerStatuses ?? []).enumerated() {
      let isSidecar = status.name.map(sidecars.contains) ?? false
      if status.state?.terminated?.exitCode == 0 || isSidecar && status.started == true { continue }
      if let end = status.state?.terminated {
        guard (end.reason ?? "").isEmpty else { return "Init:\(end.reason ?? "")" }
        return end.signal.map { "Init:Signal:\($0)" } ?? "Init:ExitCode:\(end.exitCode ?? 0)"
      }
      if let reason = status.state?.waiting?.reason, !reason.isEmpty, reason != "PodInitializing" {
        return "Init:\(reason)"
      }
      return "Init:\(index)/\(containers.count)"
    }
    return nil
  }

  private static func date(_ text: String?) -> Date? {
    guard let text else { return nil }
    return (try? Date(text, strategy: .iso8601))
      ?? (try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
  }

  private static func age(since date: Date, _ now: Date) -> String {
    Age.text(seconds: Int(now.timeIntervalSince(date).rounded(.down)))
  }
}
