import FoundationEssentials
import KubernetesObjects

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
